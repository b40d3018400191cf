package message_test

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/internal/alloctest"
	"github.com/ringhold/ringhold/message"
)

// To ask for the id first changes nothing of what is found afterwards.
func TestAggregateIDInIsThatOfPrepare(t *testing.T) {
	wrapped, err := anypb.New(wrapperspb.String("acc-1"))
	must(t, err)
	bodies := map[string]message.Body{"no request": {}, "protobuf": message.ProtoBody(wrapped)}
	for _, text := range []string{
		`{"id":"acc-1"}`, `{"id":7}`, `{"id":-0}`, `{"id":null}`, `{"id":""}`, `{"id":{}}`, `{"id":1.5}`, `{"other":1}`, `{"ID":"a","id":"b"}`, `{"Id":"a"}`,
		`{"id":"\u0061\"b"}`, `{"\u0069d":"acc-2"}`, `{"id":"\u0007"}`, `{"id":"é"}`, ` { "x" : {"id":"no"}, "id" : "yes" } `,
	} {
		bodies[text] = body(t, text)
	}
	for name, raw := range bodies {
		for _, field := range []string{"id", "value", "other"} {
			for _, generate := range []bool{false, true} {
				alone, asked := message.NewWithID("open", "m1", raw), message.NewWithID("open", "m1", raw)
				alone.PrepareAggregateID("accounts", field, generate)
				for range 2 {
					id, refusal := asked.AggregateIDIn("accounts", field, generate)
					if diff := cmp.Diff(alone.Response, refusal); diff != "" || id != alone.Aggregate.ID {
						t.Errorf("%s, field %q: asked for, it is %q; prepared, %q\n%s", name, field, id, alone.Aggregate.ID, diff)
					}
					if string(asked.Raw.JSON()) != string(raw.JSON()) || asked.Halted || asked.Aggregate.ID != "" {
						t.Errorf("%s, field %q: asking changed the message", name, field)
					}
				}
				asked.PrepareAggregateID("accounts", field, generate)
				if asked.Aggregate != alone.Aggregate || asked.Halted != alone.Halted || asked.Valid != alone.Valid ||
					string(asked.Raw.JSON()) != string(alone.Raw.JSON()) || cmp.Diff(alone.Response, asked.Response) != "" {
					t.Errorf("%s, field %q: prepared after it was asked for, it is %+v; else %+v", name, field, asked, alone)
				}
			}
		}
	}
}

// What was found in one request is not taken for that of another, nor of
// another field.
func TestFoundIDIsThatOfItsRequest(t *testing.T) {
	m := message.New("open", body(t, `{"id":"a","other":"b"}`))
	find := func(field string, want message.AggregateID) {
		t.Helper()
		if id, refusal := m.AggregateIDIn("accounts", field, false); id != want || refusal != nil {
			t.Errorf("found %q, %v, want %q", id, refusal, want)
		}
	}
	find("id", "a")
	find("other", "b")
	find("id", "a")
	must(t, m.PutInRaw("id", "c"))
	find("id", "c")
	m.Raw = body(t, `{"id":"d"}`)
	find("id", "d")
	wrapped, err := anypb.New(wrapperspb.String("e"))
	must(t, err)
	m.Raw = message.ProtoBody(wrapped)
	find("value", "e")
	m.Raw = message.Body{}
	if id, refusal := m.AggregateIDIn("accounts", "value", false); id != "" || refusal == nil {
		t.Errorf("found %q in nothing", id)
	}
}

// Names match what docs/compatibility.md says of them.
func TestNamesMatchTheirPatterns(t *testing.T) {
	service, stream := regexp.MustCompile(`^[a-z][a-z0-9_.]*$`), regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	names := rapid.OneOf(rapid.StringMatching(`[a-z][a-z0-9_.]{0,5}`), rapid.StringMatching(`[a-z0-9_.A-Z \-\né]{0,6}`), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		s := names.Draw(t, "name")
		if got := message.ServiceName(s).Validate() == nil; len(s) <= message.MaxServiceName && got != service.MatchString(s) {
			t.Errorf("service name %q: %v", s, got)
		}
		if got := message.StreamName(s).Validate() == nil; len(s) <= message.MaxStreamName && got != stream.MatchString(s) {
			t.Errorf("stream name %q: %v", s, got)
		}
	})
}

// The id itself is the one thing that finding it makes.
func TestFindingTheIDAllocates(t *testing.T) {
	raw := body(t, `{"account_id":"acc-1","amount":100}`)
	var m message.Message
	alloctest.AtMost(t, "find the id", 1, 1, func() {
		m = message.Message{Raw: raw}
		if m.PrepareAggregateID("accounts", "account_id", false); m.Aggregate.ID != "acc-1" {
			t.Fatal(m.Response)
		}
	})
	alloctest.AtMost(t, "find it again", 0, 0, func() { m.PrepareAggregateID("accounts", "account_id", false) })
}
