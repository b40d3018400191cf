package message

import (
	"bytes"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/internal/alloctest"
)

// What is written by hand is what encoding/json writes.
func TestPlainResponsesAreWrittenAsOthers(t *testing.T) {
	texts := rapid.OneOf(rapid.StringMatching(`[ -~]{0,12}`), rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	values := rapid.OneOf(
		rapid.Just(json.RawMessage(nil)), rapid.Map(texts, func(s string) json.RawMessage { return json.RawMessage(s) }),
		rapid.SampledFrom([]json.RawMessage{{}, []byte(`null`), []byte(`{"a":"<&>\u2028", "b":[1.50, null]}`), []byte("\"\u2028<\xff\""), []byte(` 1 `), []byte(`{`)}))
	known := 0
	rapid.Check(t, func(t *rapid.T) {
		text, value := texts.Draw(t, "text"), Value{JSON: values.Draw(t, "value")}
		version, has := Version(rapid.Int64().Draw(t, "version")), rapid.Bool().Draw(t, "has")
		for _, r := range []Response{OK{Value: value, Version: version, HasVersion: has}, Created{ID: AggregateID(text), Version: version, HasVersion: has, Value: value}, DomainError{Code: text, Detail: value}} {
			b, ok := encodePlain(r)
			if !ok {
				continue
			}
			known++
			if want, err := encodeAny(r); err != nil || !bytes.Equal(b, want) {
				t.Fatalf("%+v is written as %s, encoding/json writes %s, %v", r, b, want, err)
			}
		}
	})
	if known == 0 {
		t.Error("nothing was written by hand")
	}
}

func TestEncodeResponseAllocates(t *testing.T) {
	for text, r := range map[string]Response{
		`{"result":"ok","version":7}`:                                OK{Version: 7, HasVersion: true},
		`{"result":"created","id":"acc-1","version":0,"value":{}}`:   Created{ID: "acc-1", HasVersion: true, Value: Value{JSON: []byte(`{}`)}},
		`{"result":"error","code":"too_little","value":{"have":10}}`: DomainError{Code: "too_little", Detail: Value{JSON: []byte(`{"have":10}`)}},
	} {
		alloctest.AtMost(t, text, 1, 1, func() {
			if b, err := EncodeResponse(r); err != nil || string(b) != text {
				t.Fatalf("%s: %s, %v", text, b, err)
			}
		})
	}
}
