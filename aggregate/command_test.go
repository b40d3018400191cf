package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

func messageOf(t *testing.T, text string) *message.Message {
	t.Helper()
	b, err := message.JSONBody([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return message.NewWithID("deposit", "m1", b)
}

// one returns the core of an aggregate with a command "run" and an event.
func one[C any](validate func(C, *msg, account) aggregate.Violations, decide func(*msg, account, C, func(deposited) aggregate.Emitted[account]) decision) (*aggregate.Core, *aggregate.CommandCore) {
	d := aggregate.New[account]("accounts")
	event := aggregate.Event(d, "deposited", func(a *account, e deposited) { a.Balance += e.Amount })
	aggregate.Command(d, "run", validate, func(m *msg, s account, c C) decision { return decide(m, s, c, event) })
	return d.Core(), d.Core().Command("run")
}

type typed struct {
	Text   string `json:"text"`
	Small  int8   `json:"small"`
	Count  uint16 `json:"count"`
	Rate   float32
	Flag   bool
	Lines  []struct{ SKU string }
	Labels map[string]string
	Inner  struct {
		Deep struct{ N int }
	}
}

// A field of a wrong type is a violation of that field.
func TestReadNamesTheFieldAtFault(t *testing.T) {
	_, cmd := one(nil, func(m *msg, _ account, _ typed, _ func(deposited) aggregate.Emitted[account]) decision { return m.OK() })
	for text, want := range map[string]message.Violation{
		`{"text":7}`:                  {Path: "text", Message: "has to be a string, not a JSON number"},
		`{"text":{}}`:                 {Path: "text", Message: "has to be a string, not a JSON object"},
		`{"small":300}`:               {Path: "small", Message: "has to be an integer of 8 bits, not a JSON number 300"},
		`{"small":1.5}`:               {Path: "small", Message: "has to be an integer of 8 bits, not a JSON number 1.5"},
		`{"count":-1}`:                {Path: "count", Message: "has to be a non-negative integer of 16 bits, not a JSON number -1"},
		`{"Rate":"x"}`:                {Path: "Rate", Message: "has to be a number, not a JSON string"},
		`{"Flag":"yes"}`:              {Path: "Flag", Message: "has to be true or false, not a JSON string"},
		`{"Lines":{}}`:                {Path: "Lines", Message: "has to be a list, not a JSON object"},
		`{"Lines":[{"SKU":1}]}`:       {Path: "Lines.SKU", Message: "has to be a string, not a JSON number"},
		`{"Labels":[]}`:               {Path: "Labels", Message: "has to be an object, not a JSON array"},
		`{"Inner":{"Deep":{"N":[]}}}`: {Path: "Inner.Deep.N", Message: "has to be an integer of 64 bits, not a JSON array"},
	} {
		m := messageOf(t, text)
		cmd.Read(m)
		got, ok := m.Response.(message.ValidationError)
		if !ok || !m.Halted || m.Valid || !reflect.DeepEqual(got.Violations, message.Violations{want}) {
			t.Errorf("%s: got %+v, want %+v", text, m.Response, want)
		}
	}
}

func TestRead(t *testing.T) {
	_, cmd := one(nil, func(m *msg, _ account, _ deposit, _ func(deposited) aggregate.Emitted[account]) decision {
		return m.OK()
	})
	m := messageOf(t, `{"account_id":"a","amount":5,"more":1}`)
	if cmd.Read(m); m.Halted || m.Request != (deposit{"a", 5}) {
		t.Errorf("%+v %+v", m.Request, m.Response)
	}
	m = message.New("deposit", message.Body{})
	if cmd.Read(m); m.Halted || m.Request != (deposit{}) {
		t.Errorf("%+v %+v", m.Request, m.Response)
	}
	wrapped, err := anypb.New(wrapperspb.Int64(5))
	if err != nil {
		t.Fatal(err)
	}
	m = message.New("deposit", message.ProtoBody(wrapped))
	if cmd.Read(m); !m.Halted {
		t.Errorf("a protobuf message is read as %+v", m.Request)
	}

	_, cmd = one(nil, func(m *msg, _ account, c *wrapperspb.Int64Value, _ func(deposited) aggregate.Emitted[account]) decision {
		return m.OK(c.Value)
	})
	if m = message.New("deposit", message.ProtoBody(wrapped)); m.Halted {
		t.Fatal("halted")
	}
	cmd.Read(m)
	if out := cmd.Decide(m, new(account)); m.Halted || string(out.Response.(message.OK).Value.JSON) != "5" {
		t.Errorf("%+v %+v", m, out)
	}
	m = messageOf(t, `{"no":"number"}`)
	if cmd.Read(m); !m.Halted {
		t.Errorf("%+v", m.Request)
	}
}

// A command may take whatever comes, nothing too.
func TestCommandOfAnyType(t *testing.T) {
	_, cmd := one(nil, func(m *msg, _ account, c any, _ func(deposited) aggregate.Emitted[account]) decision { return m.OK(c) })
	for text, want := range map[string]string{``: "", `{"a":[1]}`: `{"a":[1]}`} {
		m := messageOf(t, text)
		cmd.Read(m)
		if out := cmd.Decide(m, new(account)); string(out.Response.(message.OK).Value.JSON) != want {
			t.Errorf("%q: %+v", text, out)
		}
	}
}

// Nothing is decided once validation found a fault; validate sees the state.
func TestDecideValidatesFirst(t *testing.T) {
	ran := false
	core, cmd := one(func(c deposit, m *msg, s account) (v aggregate.Violations) {
		v.Require(c.Amount > 0, "amount", "must be positive")
		v.Require(s.Open, "", "the account is closed")
		return v
	}, func(m *msg, s account, c deposit, emit func(deposited) aggregate.Emitted[account]) decision {
		ran = true
		return m.Emit(emit(deposited{c.Amount})).OK()
	})
	m := messageOf(t, `{"amount":-1}`)
	cmd.Read(m)
	out := cmd.Decide(m, new(account))
	want := message.ValidationError{Request: deposit{Amount: -1}, Violations: message.Violations{{Path: "amount", Message: "must be positive"}, {Message: "the account is closed"}}}
	if ran || !m.Halted || !reflect.DeepEqual(m.Response, want) || out.Response != nil || len(out.Events) != 0 {
		t.Errorf("%+v %+v", m.Response, out)
	}
	m, state := messageOf(t, `{"amount":4}`), &account{Open: true}
	cmd.Read(m)
	out = cmd.Decide(m, state)
	if !ran || m.Halted || out.NoBlock || len(out.Events) != 1 || out.Events[0].Value() != (deposited{4}) || !reflect.DeepEqual(out.Response, message.OK{}) {
		t.Errorf("%+v", out)
	}
	if state.Balance != 0 {
		t.Error("deciding applied the event")
	}
	if core.Apply(state, out.Events[0]); state.Balance != 4 {
		t.Errorf("%+v", state)
	}
}

func TestDecisions(t *testing.T) {
	emitted := func(emit func(deposited) aggregate.Emitted[account]) []aggregate.Emitted[account] {
		return []aggregate.Emitted[account]{emit(deposited{1}), {}, emit(deposited{2})}
	}
	for name, test := range map[string]struct {
		decide   func(m *msg, e []aggregate.Emitted[account]) decision
		events   int
		noBlock  bool
		response message.Response
	}{
		"ok":               {func(m *msg, _ []aggregate.Emitted[account]) decision { return m.OK() }, 0, true, message.OK{}},
		"ok with a value":  {func(m *msg, _ []aggregate.Emitted[account]) decision { return m.OK(5) }, 0, true, message.OK{Value: message.Value{JSON: []byte("5")}}},
		"events":           {func(m *msg, e []aggregate.Emitted[account]) decision { return m.Emit(e...).OK() }, 2, false, message.OK{}},
		"more events":      {func(m *msg, e []aggregate.Emitted[account]) decision { return m.Emit(e[0]).Emit(e[2]).OK() }, 2, false, message.OK{}},
		"no event":         {func(m *msg, e []aggregate.Emitted[account]) decision { return m.Emit(e[1]).OK() }, 0, true, message.OK{}},
		"created":          {func(m *msg, e []aggregate.Emitted[account]) decision { return m.Emit(e...).Created(5) }, 2, false, message.Created{ID: "acc-1", Value: message.Value{JSON: []byte("5")}}},
		"created, nothing": {func(m *msg, _ []aggregate.Emitted[account]) decision { return m.Created() }, 0, true, message.Created{ID: "acc-1"}},
		"refusal":          {func(m *msg, _ []aggregate.Emitted[account]) decision { return m.Error("no", "why") }, 0, true, message.DomainError{Code: "no", Detail: message.Value{JSON: []byte(`"why"`)}}},
		"recorded refusal": {func(m *msg, e []aggregate.Emitted[account]) decision { return m.Emit(e...).Error("no") }, 2, false, message.DomainError{Code: "no"}},
		"noblock":          {func(m *msg, e []aggregate.Emitted[account]) decision { return m.NoBlock().Emit(e...).OK() }, 2, true, message.OK{}},
		"no encoding": {func(m *msg, e []aggregate.Emitted[account]) decision { return m.Emit(e...).OK(make(chan int)) }, 0, true,
			message.Crashed{Reason: "encode value chan int: json: unsupported type: chan int"}},
		"no response": {func(*msg, []aggregate.Emitted[account]) decision { return decision{} }, 0, true, message.Crashed{Reason: "the decision has no response"}},
	} {
		_, cmd := one(nil, func(m *msg, _ account, _ any, emit func(deposited) aggregate.Emitted[account]) decision {
			return test.decide(m, emitted(emit))
		})
		m := messageOf(t, `{}`)
		m.Aggregate.ID = "acc-1"
		out := cmd.Decide(m, new(account))
		if len(out.Events) != test.events || out.NoBlock != test.noBlock || !reflect.DeepEqual(out.Response, test.response) {
			t.Errorf("%s: got %+v", name, out)
		}
		for i, e := range out.Events {
			if e.Value() != (deposited{int64(i + 1)}) {
				t.Errorf("%s: event %d is %+v", name, i, e.Value())
			}
		}
	}
}

// Another aggregate may have the same type of state; its events compile.
func TestForeignEventsAreRefused(t *testing.T) {
	foreign := aggregate.Event(aggregate.New[account]("savings"), "deposited", applyNothing[deposited])
	_, cmd := one(nil, func(m *msg, _ account, _ any, emit func(deposited) aggregate.Emitted[account]) decision {
		return m.Emit(emit(deposited{1}), foreign(deposited{2})).OK()
	})
	out := cmd.Decide(messageOf(t, `{}`), new(account))
	want := message.Crashed{Reason: `event "deposited" is registered by the aggregates of savings, not of accounts`}
	if len(out.Events) != 0 || !out.NoBlock || out.Response != want {
		t.Errorf("%+v", out)
	}
}

// A retry and a dry run get the same time and the same ids in the same order.
func TestMessageGivesTimeAndIDs(t *testing.T) {
	m := message.NewWithID("deposit", "m1", message.Body{}).Assign("limit", 5)
	m.InvokedAt = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	m.CorrelationID, m.CausationID, m.Caller = "corr", "cause", message.Caller{Name: "ada"}
	m.Aggregate = message.Meta{Stream: "accounts", ID: "acc-1", Version: 4}
	for _, dry := range []message.DryRun{message.Real, message.Dry, message.Verbose} {
		m.DryRun = dry
		w := aggregate.NewMessage[account](m)
		if a, b := w.NewID(), w.NewID(); a != message.DerivedID("m1", 1) || b != message.DerivedID("m1", 2) {
			t.Errorf("ids are %s, %s", a, b)
		}
		if w.ID() != "m1" || w.CorrelationID() != "corr" || w.CausationID() != "cause" || w.Service() != "deposit" || w.AggregateID() != "acc-1" ||
			w.Version() != 4 || !w.Now().Equal(m.InvokedAt) || w.IsDryRun() != (dry != message.Real) || w.Caller().Name != "ada" {
			t.Errorf("%+v", w)
		}
		if n, ok := aggregate.Assigned[int](w, "limit"); !ok || n != 5 {
			t.Errorf("assigned %d %t", n, ok)
		}
		if s, ok := aggregate.Assigned[string](w, "limit"); ok {
			t.Errorf("assigned %q", s)
		}
	}
}

func TestBefore(t *testing.T) {
	d := aggregate.New[account]("accounts")
	var fail error
	aggregate.Command(d, "plain", nil, decideNothing[deposit])
	aggregate.Command(d, "run", nil, decideNothing[deposit], aggregate.Before(func(_ context.Context, m *message.Message, c deposit) error {
		m.Assign("seen", c.Amount)
		return fail
	}))
	if d.Core().Command("plain").HasBefore() || !d.Core().Command("run").HasBefore() {
		t.Error("run has a step before, plain has none")
	}
	cmd := d.Core().Command("run")
	for err, want := range map[error]message.Response{
		nil: nil,
		aggregate.Refuse("too_late", map[string]int{"by": 3}):         message.DomainError{Code: "too_late", Detail: message.Value{JSON: []byte(`{"by":3}`)}},
		fmt.Errorf("ask the bureau: %w", aggregate.Refuse("unknown")): message.DomainError{Code: "unknown"},
		errors.New("no connection"):                                   message.Crashed{Reason: "no connection"},
		aggregate.Refuse("unsayable", make(chan int)):                 message.Crashed{Reason: "encode value chan int: json: unsupported type: chan int"},
	} {
		fail = err
		m := messageOf(t, `{"amount":5}`)
		cmd.Read(m)
		cmd.RunBefore(t.Context(), m)
		if !reflect.DeepEqual(m.Response, want) || m.Halted != (want != nil) {
			t.Errorf("%v: %+v", err, m.Response)
		}
		if n, _ := message.Assigned[int64](m, "seen"); n != 5 {
			t.Errorf("%v: assigned %d", err, n)
		}
	}
	if aggregate.Refuse("too_late").Error() != "too_late" {
		t.Error("a refusal does not read as its code")
	}
}
