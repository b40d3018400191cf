package parity

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// want fails the test if a response is another one. What could be read of an
// invalid request is not compared.
func want(t *testing.T, got, expected message.Response) {
	t.Helper()
	if diff := cmp.Diff(withoutRequest(expected), withoutRequest(got)); diff != "" {
		t.Errorf("the answer is another one (- expected, + got):\n%s", diff)
	}
}

// same fails the test if two values differ.
func same[T any](t *testing.T, what string, got, expected T) {
	t.Helper()
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("%s (- expected, + got):\n%s", what, diff)
	}
}

func withoutRequest(r message.Response) message.Response {
	if invalid, ok := r.(message.ValidationError); ok {
		invalid.Request = nil
		return invalid
	}
	return r
}

// is fails the test at once if a response is not of a kind, and returns it.
func is[R message.Response](t *testing.T, got message.Response) R {
	t.Helper()
	r, ok := got.(R)
	if !ok {
		t.Fatalf("the answer is %#v, want a %T", got, r)
	}
	return r
}

func ok(v message.Version, payload ...any) message.OK {
	return message.OK{Version: v, HasVersion: true, Value: encoded(payload)}
}

func created(id message.AggregateID, v message.Version) message.Created {
	return message.Created{ID: id, Version: v, HasVersion: true}
}

func refusal(code string, detail ...any) message.DomainError {
	return message.DomainError{Code: code, Detail: encoded(detail)}
}

func conflict(current message.Version) message.WrongExpectedVersion {
	return message.WrongExpectedVersion{Expected: message.NoVersion, Current: current}
}

func notFound(id message.AggregateID) message.NotFound {
	return message.NotFound{Stream: tallies, ID: id}
}

func invalid(path, text string) message.ValidationError {
	return message.ValidationError{Violations: message.Violations{{Path: path, Message: text}}}
}

func encoded(payload []any) message.Value {
	if len(payload) == 0 {
		return message.Value{}
	}
	v, err := message.NewValue(payload[0])
	if err != nil {
		panic(err)
	}
	return v
}

// value decodes the value of an OK or Created response into a T.
func value[T any](t *testing.T, r message.Response) T {
	t.Helper()
	var v message.Value
	switch r := r.(type) {
	case message.OK:
		v = r.Value
	case message.Created:
		v = r.Value
	default:
		t.Fatalf("response %#v has no value", r)
	}
	var out T
	if err := json.Unmarshal(v.JSON, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// types returns the types of stored events.
func types(events []store.Event) []string {
	out := make([]string, len(events))
	for i, e := range events {
		out[i] = e.Type
	}
	return out
}

// metadata returns the metadata of a stored event.
func metadata(t *testing.T, e store.Event) map[string]string {
	t.Helper()
	out := map[string]string{}
	if err := json.Unmarshal(e.Metadata, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// version returns a pointer to a version, for what may be absent.
func version(v message.Version) *message.Version { return &v }
