package handler_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
)

type door struct{ Opened int }

type push struct {
	ID string `json:"id"`
	Do string `json:"do"`
}

type pushed struct {
	Do  string `json:"do"`
	Bad any    `json:"bad,omitempty"` // a channel, which has no JSON form
}

// doors defines aggregates whose one command does what it is told.
func doors() *aggregate.Definition[door] {
	d := aggregate.New[door]("doors")
	event := aggregate.Event(d, "pushed", func(s *door, _ pushed) { s.Opened++ })
	validate := func(c push, _ *aggregate.Message[door], s door) (v aggregate.Violations) {
		v.Require(c.Do != "invalid", "do", "is not good")
		v.Require(c.Do != "twice" || s.Opened == 0, "do", "was done")
		if c.Do == "bad check" {
			panic("no")
		}
		return v
	}
	aggregate.Command(d, "push", validate, func(m *aggregate.Message[door], s door, c push) aggregate.Decision[door] {
		one := event(pushed{Do: c.Do})
		switch c.Do {
		case "two":
			return m.Emit(one, event(pushed{Do: "again"})).OK(s.Opened)
		case "make":
			return m.Emit(one).Created()
		case "record":
			return m.Emit(one).Error("stuck", "why")
		case "refuse":
			return m.Error("stuck")
		case "look":
			return m.NoBlock().Emit(one).OK(s.Opened)
		case "nothing":
			return m.OK()
		case "panic":
			panic("no")
		case "none":
			return aggregate.Decision[door]{}
		case "bad event":
			return m.Emit(event(pushed{Bad: make(chan int)})).OK()
		case "bad value":
			return m.Emit(one).OK(make(chan int))
		case "large":
			return m.Emit(one).OK(strings.Repeat("x", handler.MaxResponse))
		}
		return m.Emit(one).OK()
	})
	return d
}

func binding(t *testing.T, d *aggregate.Definition[door]) *handler.Binding {
	t.Helper()
	meta, err := handler.NewMetadata(map[string]string{"app": "1"})
	if err != nil {
		t.Fatal(err)
	}
	return &handler.Binding{
		Service: "push", Core: d.Core(), Command: d.Core().Command("push"), On: handler.MaybeNew, IDField: "id", Metadata: meta,
	}
}

// opened returns a message that was opened for a binding.
func opened(t *testing.T, b *handler.Binding, do string) *message.Message {
	t.Helper()
	raw, err := message.JSONBody(fmt.Appendf(nil, `{"id":"d1","do":%q}`, do))
	if err != nil {
		t.Fatal(err)
	}
	m := message.NewWithID("push", "m1", raw)
	if b.Open(m); m.Halted {
		t.Fatalf("halted with %#v", m.Response)
	}
	return m
}

var (
	existing = handler.View{State: &door{Opened: 3}, Version: 4, Exists: true}
	unmade   = handler.View{State: &door{}, Version: message.NoVersion}
	deleted  = handler.View{State: &door{}, Version: 7}
)

func ok(v message.Version, value string) message.OK {
	r := message.OK{Version: v, HasVersion: true}
	if value != "" {
		r.Value.JSON = []byte(value)
	}
	return r
}

func diff(want, got any) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(message.ValidationError{}, "Request"), cmpopts.IgnoreFields(message.Crashed{}, "Reason"))
}

func TestDecide(t *testing.T) {
	stuck := message.DomainError{Code: "stuck", Detail: message.Value{JSON: []byte(`"why"`)}}
	bad := message.ValidationError{Violations: message.Violations{{Path: "do", Message: "is not good"}}}
	for name, c := range map[string]struct {
		do      string
		view    handler.View
		want    message.Response
		events  int
		blocked bool
		fatal   bool
	}{
		"one event":                    {"one", existing, ok(5, ""), 1, true, false},
		"two events":                   {"two", existing, ok(6, "3"), 2, true, false},
		"the first of all":             {"one", unmade, ok(0, ""), 1, true, false},
		"the first behind a deletion":  {"one", deleted, ok(8, ""), 1, true, false},
		"created":                      {"make", unmade, message.Created{ID: "d1", Version: 0, HasVersion: true}, 1, true, false},
		"an error with an event":       {"record", existing, stuck, 1, true, false},
		"an error":                     {"refuse", existing, message.DomainError{Code: "stuck"}, 0, false, false},
		"noblock":                      {"look", existing, ok(4, "3"), 0, false, false},
		"noblock of a new one":         {"look", unmade, ok(message.NoVersion, "0"), 0, false, false},
		"noblock of a deleted one":     {"look", deleted, ok(message.NoVersion, "0"), 0, false, false},
		"no events":                    {"nothing", existing, ok(4, ""), 0, false, false},
		"a fault of the request":       {"invalid", existing, bad, 0, false, false},
		"a fault against the state":    {"twice", existing, message.ValidationError{Violations: message.Violations{{Path: "do", Message: "was done"}}}, 0, false, false},
		"no fault against the state":   {"twice", unmade, ok(0, ""), 1, true, false},
		"a decision that panics":       {"panic", existing, message.Crashed{}, 0, false, true},
		"a validation that panics":     {"bad check", existing, message.Crashed{}, 0, false, true},
		"a decision without response":  {"none", existing, message.Crashed{}, 0, false, false},
		"a value that has no encoding": {"bad value", existing, message.Crashed{}, 0, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := binding(t, doors())
			m := opened(t, b, c.do)
			got := b.Decide(m, c.view)
			if d := diff(c.want, got.Response); d != "" {
				t.Error(d)
			}
			if len(got.Events) != c.events || got.Blocked != c.blocked || got.Fatal != c.fatal || (got.Panic != nil) != c.fatal {
				t.Errorf("verdict %+v", got)
			}
			if s := c.view.State.(*door); s.Opened != map[bool]int{true: 3}[c.view.Exists] {
				t.Errorf("deciding changed the state to %+v", s)
			}
		})
	}
}

func TestDecide_Precondition(t *testing.T) {
	at := func(v message.Version) *message.Version { return &v }
	none := message.NoVersion
	notFound := message.NotFound{Stream: "doors", ID: "d1"}
	wrong := func(expected, current message.Version) message.Response {
		return message.WrongExpectedVersion{Expected: expected, Current: current}
	}
	for name, c := range map[string]struct {
		on       handler.On
		view     handler.View
		expected *message.Version
		want     message.Response
	}{
		"new, unmade":                   {handler.New, unmade, nil, ok(0, "")},
		"new, deleted":                  {handler.New, deleted, nil, ok(8, "")},
		"new, existing":                 {handler.New, existing, nil, wrong(none, 4)},
		"existing, existing":            {handler.Existing, existing, nil, ok(5, "")},
		"existing, unmade":              {handler.Existing, unmade, nil, notFound},
		"existing, deleted":             {handler.Existing, deleted, nil, notFound},
		"maybe new, existing":           {handler.MaybeNew, existing, nil, ok(5, "")},
		"maybe new, unmade":             {handler.MaybeNew, unmade, nil, ok(0, "")},
		"maybe new, deleted":            {handler.MaybeNew, deleted, nil, ok(8, "")},
		"expected, right":               {handler.Existing, existing, at(4), ok(5, "")},
		"expected, wrong":               {handler.Existing, existing, at(3), wrong(3, 4)},
		"expected none, there is one":   {handler.MaybeNew, existing, at(none), wrong(none, 4)},
		"expected none, deleted":        {handler.MaybeNew, deleted, at(none), ok(8, "")},
		"expected, deleted meanwhile":   {handler.MaybeNew, deleted, at(7), wrong(7, none)},
		"expected goes before the kind": {handler.Existing, unmade, at(2), wrong(2, none)},
	} {
		t.Run(name, func(t *testing.T) {
			b := binding(t, doors())
			b.On = c.on
			m := opened(t, b, "one")
			m.Expected = c.expected
			if d := diff(c.want, b.Decide(m, c.view).Response); d != "" {
				t.Error(d)
			}
			if want := map[bool]message.Version{true: 4, false: none}[c.view.Exists]; m.Aggregate.Version != want {
				t.Errorf("the message names version %d, want %d", m.Aggregate.Version, want)
			}
		})
	}
}

func TestDecide_DryRun(t *testing.T) {
	events := func(n int, r message.OK) message.OK { r.Events = make([]message.Event, n); return r }
	stuck := message.DomainError{Code: "stuck", Detail: message.Value{JSON: []byte(`"why"`)}}
	for name, c := range map[string]struct {
		do      string
		view    handler.View
		dry     message.Response
		verbose message.Response // nil: the same
		blocked bool
	}{
		"events":                  {"two", existing, ok(4, "3"), events(2, ok(4, "3")), true},
		"a new one":               {"two", unmade, ok(message.NoVersion, "0"), events(2, ok(message.NoVersion, "0")), true},
		"a deleted one":           {"one", deleted, ok(message.NoVersion, ""), events(1, ok(message.NoVersion, "")), true},
		"created":                 {"make", unmade, ok(message.NoVersion, ""), events(1, ok(message.NoVersion, "")), true},
		"an error with events":    {"record", existing, stuck, nil, true},
		"an error":                {"refuse", existing, message.DomainError{Code: "stuck"}, nil, false},
		"noblock":                 {"look", existing, ok(4, "3"), nil, false},
		"a panic":                 {"panic", existing, message.Crashed{}, nil, false},
		"an event without a form": {"bad event", existing, message.Crashed{}, nil, true},
		"a large response":        {"large", existing, message.TooLarge{What: "response", Size: handler.MaxResponse + 38, Limit: handler.MaxResponse}, nil, true},
	} {
		for _, kind := range []message.DryRun{message.Dry, message.Verbose} {
			t.Run(fmt.Sprintf("%s/%v", name, kind), func(t *testing.T) {
				b := binding(t, doors())
				m := opened(t, b, c.do)
				m.DryRun = kind
				got := b.Decide(m, c.view)
				want := c.dry
				if kind == message.Verbose && c.verbose != nil {
					want = c.verbose
				}
				if d := cmp.Diff(want, got.Response, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(message.Crashed{}, "Reason"), cmpopts.IgnoreTypes(message.Event{})); d != "" {
					t.Error(d)
				}
				if len(got.Events) != 0 || got.Blocked != c.blocked {
					t.Errorf("verdict %+v", got)
				}
			})
		}
	}
}

func TestDecide_Filter(t *testing.T) {
	for name, c := range map[string]struct {
		filter  func([]aggregate.Pending) ([]aggregate.Pending, error)
		want    message.Response
		events  int
		blocked bool
		fatal   bool
	}{
		"one of two": {func(e []aggregate.Pending) ([]aggregate.Pending, error) { return e[1:], nil }, ok(5, "3"), 1, true, false},
		"all":        {func([]aggregate.Pending) ([]aggregate.Pending, error) { return nil, nil }, ok(4, "3"), 0, true, false},
		"refusal":    {func([]aggregate.Pending) ([]aggregate.Pending, error) { return nil, aggregate.Refuse("no") }, message.DomainError{Code: "no"}, 0, true, true},
		"error":      {func([]aggregate.Pending) ([]aggregate.Pending, error) { return nil, errors.New("no") }, message.Crashed{}, 0, true, true},
		"panic":      {func([]aggregate.Pending) ([]aggregate.Pending, error) { panic("no") }, message.Crashed{}, 0, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := doors()
			d.FilterEvents(func(_ *aggregate.Message[door], e []aggregate.Pending) ([]aggregate.Pending, error) {
				return c.filter(e)
			})
			b := binding(t, d)
			got := b.Decide(opened(t, b, "two"), existing)
			if d := diff(c.want, got.Response); d != "" {
				t.Error(d)
			}
			if len(got.Events) != c.events || got.Blocked != c.blocked || got.Fatal != c.fatal {
				t.Errorf("verdict %+v", got)
			}
		})
	}
}

// A panic is kept for the log, and is not shown to the caller.
func TestGuard(t *testing.T) {
	p := handler.Guard("decide", func() { panic("a secret") })
	if p == nil || p.Value != "a secret" || !strings.Contains(string(p.Stack), "TestGuard") || !strings.Contains(p.Error(), "a secret") {
		t.Fatalf("caught %+v", p)
	}
	if r := p.Response().(message.Crashed); strings.Contains(r.Reason, "secret") || !strings.Contains(r.Reason, "decide") {
		t.Errorf("the caller is told %q", r.Reason)
	}
	if p := handler.Guard("decide", func() {}); p != nil {
		t.Errorf("caught %v", p)
	}
}

func TestOn(t *testing.T) {
	for on, want := range map[handler.On]string{handler.New: "New", handler.Existing: "Existing", handler.MaybeNew: "MaybeNew", 0: "invalid"} {
		if on.String() != want {
			t.Errorf("%d is %q", on, on)
		}
	}
}
