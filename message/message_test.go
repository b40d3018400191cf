package message_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/anypb"

	"github.com/ringhold/ringhold/message"
)

func TestNew(t *testing.T) {
	before := time.Now()
	m := message.New("deposit", body(t, `{"amount":5}`))
	if m.ID.Validate() != nil || m.CorrelationID != m.ID || m.CausationID != m.ID {
		t.Errorf("ids are %q, %q, %q", m.ID, m.CorrelationID, m.CausationID)
	}
	if m.Service != "deposit" || m.DryRun != message.Real || !m.Valid || m.Halted || m.Response != nil || len(m.Events()) != 0 {
		t.Errorf("%+v", m)
	}
	if m.InvokedAt.Before(before) || m.InvokedAt.After(time.Now()) || m.InvokedAt.Location() != time.UTC {
		t.Errorf("invoked at %s", m.InvokedAt)
	}
	if m.Aggregate.Version != message.NoVersion {
		t.Errorf("version is %d", m.Aggregate.Version)
	}
	if own := message.NewWithID("deposit", "mine", message.Body{}); own.ID != "mine" || own.CorrelationID != "mine" || own.CausationID != "mine" {
		t.Errorf("ids are %q, %q, %q", own.ID, own.CorrelationID, own.CausationID)
	}
}

func TestFillIDs(t *testing.T) {
	m := &message.Message{}
	if m.FillIDs(); m.ID == "" || !m.FirstAttempt || m.CorrelationID != m.ID || m.CausationID != m.ID {
		t.Errorf("%+v", m)
	}
	m = &message.Message{ID: "a"}
	if m.FillIDs(); m.ID != "a" || m.FirstAttempt || m.CorrelationID != "a" || m.CausationID != "a" {
		t.Errorf("%+v", m)
	}
	m = &message.Message{ID: "a", CorrelationID: "b"}
	if m.FillIDs(); m.CorrelationID != "b" || m.CausationID != "b" {
		t.Errorf("%+v", m)
	}
	m = &message.Message{ID: "a", CorrelationID: "b", CausationID: "c"}
	if m.FillIDs(); m.CausationID != "c" {
		t.Errorf("%+v", m)
	}
}

func TestNewCausedBy(t *testing.T) {
	cause := message.NewWithID("deposit", "cause", body(t, `{"a":1}`)).Assign("key", 1)
	cause.CorrelationID, cause.DryRun, cause.Origin = "correlation", message.Verbose, "node"
	cause.LogAttributes, cause.Traceparent = map[string]string{"tenant": "x"}, "00-trace"
	cause.Caller = message.Caller{Name: "ada", Authenticated: true}
	m := message.NewCausedBy(cause, "notify", message.Body{})
	if m.ID == "cause" || m.CorrelationID != "correlation" || m.CausationID != "cause" {
		t.Errorf("ids are %q, %q, %q", m.ID, m.CorrelationID, m.CausationID)
	}
	if m.LogAttributes["tenant"] != "x" || m.Traceparent != "00-trace" || m.Origin != "node" {
		t.Errorf("%+v", m)
	}
	if _, found := message.Assigned[int](m, "key"); found || !m.Raw.IsZero() || m.DryRun != message.Real || m.Caller.Name != "" {
		t.Errorf("inherited too much: %+v", m)
	}
	if m.LogAttributes["more"] = "y"; len(cause.LogAttributes) != 1 {
		t.Error("the two share their log attributes")
	}
}

func TestTo(t *testing.T) {
	m := message.NewWithID("deposit", "id", body(t, `{"a":1}`)).Assign("key", "value")
	moved := m.To("audit")
	if v, _ := message.Assigned[string](moved, "key"); moved.Service != "audit" || moved.ID != "id" || v != "value" || string(moved.Raw.JSON()) != `{"a":1}` {
		t.Errorf("%+v", moved)
	}
}

func TestAssignIsTypedOnRead(t *testing.T) {
	m := message.New("s", message.Body{})
	if _, found := message.Assigned[int](m, "key"); found {
		t.Error("found before it was assigned")
	}
	m.Assign("key", 7).Assign("none", nil)
	if n, found := message.Assigned[int](m, "key"); !found || n != 7 {
		t.Errorf("%d %t", n, found)
	}
	if s, found := message.Assigned[string](m, "key"); found {
		t.Errorf("an int is read as the string %q", s)
	}
	if v, found := message.Assigned[any](m, "none"); found {
		t.Errorf("nil is read as %v", v)
	}
}

func TestPutInRaw(t *testing.T) {
	m := message.New("s", message.Body{})
	must(t, m.PutInRaw("id", "a"))
	must(t, m.PutInRaw("id", "b"))
	must(t, m.PutInRaw("more", "c"))
	if string(m.Raw.JSON()) != `{"more":"c","id":"b"}` {
		t.Errorf("%s", m.Raw.JSON())
	}
	m.Raw = message.ProtoBody(&anypb.Any{TypeUrl: "x/no.such.Type"})
	if err := m.PutInRaw("id", "a"); err == nil || m.Raw.Any().GetTypeUrl() != "x/no.such.Type" {
		t.Errorf("put into %+v (%v)", m.Raw, err)
	}
}

func TestResponsesHalt(t *testing.T) {
	for _, test := range []struct {
		got  *message.Message
		want message.Response
	}{
		{newMessage().OK(), message.OK{}},
		{newMessage().OK(map[string]int{"a": 1}), message.OK{Value: value(t, map[string]int{"a": 1})}},
		{newMessage().Created("acc-1"), message.Created{ID: "acc-1"}},
		{newMessage().Error("refused"), message.DomainError{Code: "refused"}},
		{newMessage().Error("refused", 5), message.DomainError{Code: "refused", Detail: value(t, 5)}},
		{newMessage().Return(message.NotFound{ID: "x"}), message.NotFound{ID: "x"}},
	} {
		if !reflect.DeepEqual(test.got.Response, test.want) || !test.got.Halted {
			t.Errorf("got %+v (halted: %t), want %+v", test.got.Response, test.got.Halted, test.want)
		}
	}
	if r, ok := newMessage().OK(func() {}).Response.(message.Crashed); !ok || !strings.Contains(r.Reason, "func()") {
		t.Errorf("a function is answered with %+v", r)
	}
}

func newMessage() *message.Message { return message.New("deposit", message.Body{}) }

func TestEventsKeepTheirOrder(t *testing.T) {
	m := newMessage().AddEvent("a").AddEvent(nil).AddEvent("b")
	if m.OK().AddEvent("c"); !reflect.DeepEqual(m.Events(), []any{"a", "b", "c"}) {
		t.Errorf("%v", m.Events())
	}
}

func TestReply(t *testing.T) {
	m := message.NewWithID("deposit", "id", body(t, `{"a":1}`)).AddEvent("a").Assign("secret", 1)
	m.Request, m.DryRun, m.Origin = 5, message.Dry, "node"
	m.CorrelationID, m.CausationID = "correlation", "causation"
	m.Aggregate = message.Meta{Stream: "accounts", ID: "acc-1", Version: 3}
	r := m.OK("value").Reply()
	if !r.Raw.IsZero() || r.Request != nil || len(r.Events()) != 0 {
		t.Errorf("it carries request or events: %+v", r)
	}
	if _, found := message.Assigned[int](r, "secret"); found {
		t.Error("it carries assigns")
	}
	if !reflect.DeepEqual(r.Response, message.OK{Value: value(t, "value")}) || !r.Halted || r.ID != "id" || r.CorrelationID != "correlation" ||
		r.CausationID != "causation" || r.Service != "deposit" || r.Aggregate != m.Aggregate || r.DryRun != message.Dry || r.Origin != "node" {
		t.Errorf("%+v", r)
	}
	events := []message.Event{{Type: "deposited"}}
	if r := newMessage().Return(message.OK{Events: events}).Reply(); len(r.Response.(message.OK).Events) != 1 {
		t.Error("the events of a verbose dry run are gone")
	}
}

func TestPutRequest(t *testing.T) {
	if m := newMessage().PutRequest(5, nil); m.Request != 5 || !m.Valid || m.Halted || m.Response != nil {
		t.Errorf("%+v", m)
	}
	var v message.Violations
	v.Require(true, "owner", "is missing")
	v.Require(false, "amount", "must be positive")
	v.Add("lines[2].sku", "is unknown")
	v.Add("", "is contradictory")
	m := newMessage().PutRequest(5, v)
	want := message.ValidationError{Request: 5, Violations: message.Violations{
		{Path: "amount", Message: "must be positive"}, {Path: "lines[2].sku", Message: "is unknown"}, {Message: "is contradictory"},
	}}
	if m.Request != 5 || m.Valid || !m.Halted || !reflect.DeepEqual(m.Response, want) {
		t.Errorf("%+v", m)
	}
	if got := v.String(); got != "amount: must be positive; lines[2].sku: is unknown; is contradictory" {
		t.Errorf("%s", got)
	}
}

func TestPrepareAggregateID(t *testing.T) {
	generated := string(message.GeneratedID("accounts", "m1"))
	for _, test := range []struct {
		raw      string
		generate bool
		id       message.AggregateID // "": the message is halted
		after    string
		response message.Response
	}{
		{`{"id":"acc-1"}`, false, "acc-1", `{"id":"acc-1"}`, nil},
		{`{"id":"acc-1"}`, true, "acc-1", `{"id":"acc-1"}`, nil},
		{`{"id":42}`, false, "42", `{"id":"42"}`, nil},
		{`{"id":"0192d3a4-7c1e-7a3b-8f00-0123456789ab"}`, false, "0192d3a4-7c1e-7a3b-8f00-0123456789ab", `{"id":"0192d3a4-7c1e-7a3b-8f00-0123456789ab"}`, nil},
		{``, true, message.AggregateID(generated), `{"id":"` + generated + `"}`, nil},
		{`{"id":null,"a":1}`, true, message.AggregateID(generated), `{"id":"` + generated + `","a":1}`, nil},
		{`{"id":""}`, true, message.AggregateID(generated), `{"id":"` + generated + `"}`, nil},
		{`{"a":1}`, true, message.AggregateID(generated), `{"id":"` + generated + `","a":1}`, nil},
		{``, false, "", ``, message.MissingID{Field: "id"}},
		{`{}`, false, "", `{}`, message.MissingID{Field: "id"}},
		{`{"id":null}`, false, "", `{"id":null}`, message.MissingID{Field: "id"}},
		{`{"id":""}`, false, "", `{"id":""}`, message.MissingID{Field: "id"}},
		{`{"id":1.5}`, true, "", `{"id":1.5}`, violation("id", "has to be a string or an integer, not 1.5")},
		{`{"id":[]}`, true, "", `{"id":[]}`, violation("id", "has to be a string or an integer, not []")},
		{`{"id":"a\u0000"}`, true, "", `{"id":"a\u0000"}`, violation("id", "aggregate id contains the control character U+0000")},
		{`{"id":"a","ID":"b"}`, false, "", `{"id":"a","ID":"b"}`, violation("ID", `differs from "id" only in case`)},
		{`{"\u0049d":"b"}`, true, "", `{"\u0049d":"b"}`, violation(`\u0049d`, `differs from "id" only in case`)},
	} {
		raw := message.Body{}
		if test.raw != "" {
			raw = body(t, test.raw)
		}
		m := message.NewWithID("open_account", "m1", raw).PrepareAggregateID("accounts", "id", test.generate)
		if m.Aggregate.ID != test.id || m.Aggregate.Stream != "accounts" || string(m.Raw.JSON()) != test.after {
			t.Errorf("%s: id %q, request %s", test.raw, m.Aggregate.ID, m.Raw.JSON())
		}
		if !reflect.DeepEqual(m.Response, test.response) || m.Halted != (test.response != nil) {
			t.Errorf("%s: got %+v, want %+v", test.raw, m.Response, test.response)
		}
		if m.Raw.Hash() != raw.Hash() {
			t.Errorf("%s: the hash is not that of what was received", test.raw)
		}
	}
}

func violation(path, text string) message.Response {
	return message.ValidationError{Violations: message.Violations{{Path: path, Message: text}}}
}

// A retry of the message asks for the same aggregate.
func TestGeneratedIDIsThatOfTheMessage(t *testing.T) {
	id := func(messageID message.ID) message.AggregateID {
		return message.NewWithID("s", messageID, message.Body{}).PrepareAggregateID("accounts", "id", true).Aggregate.ID
	}
	if first, again, other := id("a"), id("a"), id("b"); first != again || first == other {
		t.Errorf("%s %s %s", first, again, other)
	}
}

func TestDryRunNames(t *testing.T) {
	for d, want := range map[message.DryRun]string{message.Real: "false", message.Dry: "true", message.Verbose: "verbose", 9: "invalid"} {
		if d.String() != want {
			t.Errorf("%d is %q", d, d)
		}
	}
}
