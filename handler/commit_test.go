package handler_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

func TestBuild(t *testing.T) {
	b := binding(t, doors())
	m := opened(t, b, "two")
	command, events, refusal := b.Build(m, b.Decide(m, existing), "doors-d1", existing.Version, 3)
	if refusal != nil {
		t.Fatal(refusal)
	}
	if command.Service != "push" || command.Events != 2 || command.Hash != m.Raw.Hash() || string(command.Request) != `{"id":"d1","do":"two"}` {
		t.Errorf("command %+v", command)
	}
	if string(command.Response) != `{"result":"ok","version":6,"value":3}` {
		t.Errorf("response %s", command.Response)
	}
	for i, ev := range events {
		want := store.Event{Stream: "doors-d1", Version: 5 + message.Version(i), Slot: 3, Type: "pushed", Schema: 1}
		if ev.Stream != want.Stream || ev.Version != want.Version || ev.Slot != want.Slot || ev.Type != want.Type || ev.Schema != want.Schema || ev.Encoding != store.JSON {
			t.Errorf("event %d is %+v", i, ev)
		}
		if first := i == 0; (ev.MessageID == "m1") != first || (ev.Command == command) != first {
			t.Errorf("event %d has message id %q", i, ev.MessageID)
		}
		if got := string(ev.Metadata); got != `{"app":"1","message_id":"m1","correlation_id":"m1","causation_id":"m1"}` {
			t.Errorf("metadata %s", got)
		}
	}
	if got := string(events[1].Data); got != `{"do":"again"}` {
		t.Errorf("data %s", got)
	}
}

func TestBuild_StateBased(t *testing.T) {
	b := binding(t, doors().StateBased())
	m := opened(t, b, "two")
	command, events, refusal := b.Build(m, b.Decide(m, existing), "doors-d1", existing.Version, 3)
	if refusal != nil || len(events) != 0 || command.Events != 2 {
		t.Errorf("built %v %v %v", command, events, refusal)
	}
}

func TestBuild_Refusals(t *testing.T) {
	for do, want := range map[string]message.Response{
		"large":     message.TooLarge{What: "response", Size: handler.MaxResponse + 38, Limit: handler.MaxResponse},
		"bad event": message.Crashed{},
	} {
		b := binding(t, doors())
		m := opened(t, b, do)
		if _, _, got := b.Build(m, b.Decide(m, existing), "doors-d1", existing.Version, 3); diff(want, got) != "" {
			t.Errorf("%s: %#v", do, got)
		}
	}
}

// Of a large request only the hash is kept; a protobuf request is kept as its bytes.
func TestBuild_RecordedRequest(t *testing.T) {
	b := binding(t, doors())
	record := func(raw message.Body) *store.Command {
		t.Helper()
		m := opened(t, b, "one")
		verdict := b.Decide(m, existing)
		m.Raw = raw
		command, _, refusal := b.Build(m, verdict, "doors-d1", existing.Version, 3)
		if refusal != nil {
			t.Fatal(refusal)
		}
		return command
	}
	for _, over := range []int{0, 1} {
		text := fmt.Sprintf(`{"id":%q}`, strings.Repeat("x", handler.MaxRecordedRequest-9+over))
		raw, err := message.JSONBody([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if c := record(raw); (c.Request == nil) != (over == 1) || c.Hash != sha256.Sum256([]byte(text)) {
			t.Errorf("of %d bytes over the limit %d were kept", over, len(c.Request))
		}
	}
	a, err := anypb.New(structpb.NewStringValue("x"))
	if err != nil {
		t.Fatal(err)
	}
	if c := record(message.ProtoBody(a)); string(c.Request) != string(a.GetValue()) || c.RequestEncoding != store.Proto {
		t.Errorf("recorded %+v", c)
	}
}

func TestRepeat(t *testing.T) {
	b := binding(t, doors())
	m := opened(t, b, "two")
	command, _, _ := b.Build(m, b.Decide(m, existing), "doors-d1", existing.Version, 3)
	if d := diff(ok(6, "3"), handler.Repeat(m, command)); d != "" {
		t.Error(d)
	}
	reused := message.MessageIDReused{MessageID: "m1"}
	if d := diff(reused, handler.Repeat(opened(t, b, "one"), command)); d != "" {
		t.Error(d)
	}
	if d := diff(reused, handler.Repeat(opened(t, b, "two").To("other"), command)); d != "" {
		t.Error(d)
	}
	command.Response = []byte("{")
	if d := diff(message.Crashed{}, handler.Repeat(m, command)); d != "" {
		t.Error(d)
	}
}

func TestOpen(t *testing.T) {
	for text, want := range map[string]string{
		`{"id":"d1","do":"one"}`: "",
		`{"do":"one"}`:           "missing_id",
		`{"id":"d1","do":1}`:     "validation_error",
		`{"id":{},"do":"one"}`:   "validation_error",
	} {
		b := binding(t, doors())
		raw, err := message.JSONBody([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		m := message.New("push", raw)
		b.Open(m)
		if m.Halted != (want != "") || m.Halted && m.Response.Outcome() != want {
			t.Errorf("%s: halted %v with %#v", text, m.Halted, m.Response)
		}
		if m.Aggregate.Stream != "doors" {
			t.Errorf("%s: stream %q", text, m.Aggregate.Stream)
		}
	}
	b := binding(t, doors())
	m := message.New("push", message.Body{}).Error("earlier")
	if b.Open(m); m.Response.(message.DomainError).Code != "earlier" {
		t.Errorf("a halted message was opened: %#v", m.Response)
	}
}

func TestNewMetadata(t *testing.T) {
	for _, own := range []string{"message_id", "correlation_id", "causation_id"} {
		if _, err := handler.NewMetadata(map[string]string{own: "x"}); err == nil || !strings.Contains(err.Error(), own) {
			t.Errorf("%s: %v", own, err)
		}
	}
}

// Metadata is the JSON object that encoding/json would make of the same entries.
func FuzzMetadata(f *testing.F) {
	for _, s := range []string{"", "plain", `"quoted"\`, "line\nbreak", "\u2028é<>&", "\x7f", "\x00"} {
		f.Add(s, s, s)
	}
	f.Fuzz(func(t *testing.T, name, value, id string) {
		if !utf8.ValidString(name) || !utf8.ValidString(value) || !utf8.ValidString(id) {
			return // what is not is refused before
		}
		meta, err := handler.NewMetadata(map[string]string{name: value})
		if err != nil {
			return
		}
		m := message.NewWithID("push", message.ID(id), message.Body{})
		m.CausationID = "cause"
		var got map[string]string
		if err := json.Unmarshal(meta.For(m), &got); err != nil {
			t.Fatalf("%s: %v", meta.For(m), err)
		}
		want := map[string]string{name: value, "message_id": id, "correlation_id": id, "causation_id": "cause"}
		if d := diff(want, got); d != "" {
			t.Error(d)
		}
	})
}
