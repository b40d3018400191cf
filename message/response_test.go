package message_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ringhold/ringhold/message"
)

// plain makes responses comparable with reflect.DeepEqual: protobuf messages
// hold more than their fields.
func plain(r message.Response) any {
	text := func(v message.Value) string {
		if v.Any == nil {
			return string(v.JSON)
		}
		return v.Any.GetTypeUrl() + " " + string(v.Any.GetValue())
	}
	switch r := r.(type) {
	case message.OK:
		return []any{"ok", r.HasVersion, r.Version, text(r.Value), r.Value.IsZero()}
	case message.Created:
		return []any{"created", r.ID, r.HasVersion, r.Version, text(r.Value), r.Value.IsZero()}
	case message.DomainError:
		return []any{"error", r.Code, text(r.Detail), r.Detail.IsZero()}
	default:
		return r
	}
}

func mustAny(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	must(t, err)
	return a
}

func TestValues(t *testing.T) {
	for _, test := range []struct {
		in   any
		want string // its JSON; "": none
	}{
		{nil, ""}, {message.Value{}, ""}, {json.RawMessage(` {"a": "<"} `), `{"a":"<"}`}, {json.RawMessage("null"), "null"},
		{map[string]int{"a": 1}, `{"a":1}`}, {"text", `"text"`}, {0, "0"}, {(*int)(nil), "null"},
		{message.Value{JSON: json.RawMessage(`1`)}, `1`},
		{wrapperspb.Int64(5), `{"@type":"type.googleapis.com/google.protobuf.Int64Value","value":"5"}`},
	} {
		v, err := message.NewValue(test.in)
		if err != nil {
			t.Errorf("%v: %v", test.in, err)
			continue
		}
		raw, err := v.AsJSON()
		if got := strings.ReplaceAll(string(raw), " ", ""); err != nil || got != test.want || v.IsZero() != (test.want == "") {
			t.Errorf("%v is %s (%v), want %s", test.in, raw, err, test.want)
		}
	}
	for _, in := range []any{func() {}, make(chan int), json.RawMessage(`{`), json.RawMessage(``), wrapperspb.String("\xff")} {
		if v, err := message.NewValue(in); err == nil {
			t.Errorf("%T is a value: %+v", in, v)
		}
	}
	var n int
	if err := value(t, 7).Decode(&n); err != nil || n != 7 {
		t.Errorf("%d %v", n, err)
	}
	if err := (message.Value{}).Decode(&n); err == nil {
		t.Error("nothing is decoded")
	}
}

func storable(t *testing.T) []message.Response {
	t.Helper()
	list, err := structpb.NewStruct(map[string]any{"a": []any{1, "x", nil}})
	must(t, err)
	var out []message.Response
	for _, v := range []message.Value{
		{}, value(t, nil), value(t, "a<b>&\u2028"), value(t, json.RawMessage(`{"a": "<", "b":[1.50, null]}`)), value(t, json.RawMessage(`null`)),
		value(t, json.RawMessage(`12345678901234567890`)), value(t, wrapperspb.String("é")), value(t, list), value(t, mustAny(t, list)),
	} {
		out = append(out,
			message.OK{Value: v}, message.OK{Value: v, Version: 0, HasVersion: true}, message.OK{Value: v, Version: message.NoVersion, HasVersion: true},
			message.Created{ID: "acc-1", Value: v}, message.Created{ID: "ü/<", Version: 9, HasVersion: true, Value: v},
			message.DomainError{Code: "insufficient_funds", Detail: v}, message.DomainError{Detail: v})
	}
	return out
}

// A repeat is answered with what the first one was answered with, to the byte.
func TestStoredResponsesComeBack(t *testing.T) {
	for _, want := range storable(t) {
		b, err := message.EncodeResponse(want)
		if err != nil {
			t.Errorf("%+v: %v", want, err)
			continue
		}
		got, err := message.DecodeResponse(b)
		if err != nil {
			t.Errorf("%s: %v", b, err)
			continue
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s came back otherwise (- was, + is):\n%s", b, diff)
		}
	}
}

func otherResponses() []message.Response {
	return []message.Response{
		message.ServiceUnavailable{Service: "a"}, message.ServiceUnavailable{NoSuchService: true},
		message.ServiceTimeout{Timeout: time.Second}, message.OutcomeUnknown{}, message.ValidationError{}, message.InvalidRequest{},
		message.MissingID{Field: "id"}, message.NotFound{}, message.WrongExpectedVersion{}, message.Unauthorized{}, message.Forbidden{},
		message.MessageIDReused{}, message.MailboxFull{}, message.TooLarge{}, message.StreamErased{}, message.Quarantined{},
		message.Crashed{}, message.NoNodesAvailable{}, message.TryAnotherNode{},
		message.NotOwner{}, message.OutOfOrder{},
	}
}

// Responses of what stored nothing are never stored.
func TestOtherResponsesAreNotStored(t *testing.T) {
	for _, r := range otherResponses() {
		if b, err := message.EncodeResponse(r); err == nil {
			t.Errorf("%T is stored as %s", r, b)
		}
	}
	if b, err := message.EncodeResponse(message.OK{Value: message.Value{Any: &anypb.Any{TypeUrl: "x/no.such.Type"}}}); err == nil {
		t.Errorf("a message of an unknown type is stored as %s", b)
	}
	if b, err := message.EncodeResponse(message.OK{Value: message.Value{JSON: json.RawMessage(`{`)}}); err == nil {
		t.Errorf("broken JSON is stored as %s", b)
	}
}

// Logs and metrics need a name for each kind, and few of them.
func TestOutcomes(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range append(otherResponses(), message.OK{}, message.Created{}, message.DomainError{Code: "anything"}) {
		name := r.Outcome()
		if seen[name] || message.ServiceName(name).Validate() != nil {
			t.Errorf("%T has the outcome %q", r, name)
		}
		seen[name] = true
	}
}

func TestVerboseDryRunEvents(t *testing.T) {
	b, err := json.Marshal([]message.Event{{Type: "deposited", Value: value(t, map[string]int{"amount": 5})}, {Type: "noted", Value: value(t, wrapperspb.String("x"))}})
	must(t, err)
	const want = `[{"type":"deposited","data":{"amount":5}},{"type":"noted","data":{"@type":"type.googleapis.com/google.protobuf.StringValue","value":"x"}}]`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}

func TestRefusedStoredResponses(t *testing.T) {
	for _, text := range []string{
		``, `null`, `{}`, `[]`, `{"result":"forbidden"}`, `{"result":"ok","version":"1"}`, `{"result":"ok","value":}`,
		`{"result":"ok","proto":true}`, `{"result":"ok","proto":true,"value":{"@type":"x/no.such.Type"}}`,
	} {
		if r, err := message.DecodeResponse([]byte(text)); err == nil {
			t.Errorf("%s is read as %+v", text, r)
		}
	}
}

// What can be read can be written, and reads the same.
func FuzzDecodeResponse(f *testing.F) {
	for _, text := range []string{
		`{"result":"ok"}`, `{"result":"ok","version":3,"value":{"balance":70}}`, `{"result":"created","id":"acc-1","version":0}`,
		`{"result":"error","code":"x","value":null}`, `{"result":"ok","proto":true,"value":{"@type":"type.googleapis.com/google.protobuf.StringValue","value":"hello"}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := message.DecodeResponse(bytes.Clone(in))
		if err != nil {
			return
		}
		b, err := message.EncodeResponse(r)
		if err != nil {
			t.Fatalf("%q is read as %+v: %v", in, r, err)
		}
		again, err := message.DecodeResponse(b)
		if err != nil {
			t.Fatalf("%q, written as %q: %v", in, b, err)
		}
		stable, err := message.EncodeResponse(again)
		if err != nil || !bytes.Equal(stable, b) {
			t.Fatalf("%q, written as %q, then as %q (%v)", in, b, stable, err)
		}
	})
}
