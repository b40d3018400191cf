package message_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/typepb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ringhold/ringhold/message"
)

func TestField(t *testing.T) {
	const text = ` { "id" : "acc-1" , "n":-12, "f":1.5e3,"t":true,"nothing":null,"o":{"id":"inner","x":"}"},
		"l":["]",{"id":1}], "\u00e4":"umlaut", "a\"b":"quote", "":"empty", "last":"\\" } `
	b := body(t, text)
	for name, want := range map[string]string{
		"id": `"acc-1"`, "n": `-12`, "f": `1.5e3`, "t": `true`, "o": `{"id":"inner","x":"}"}`, "l": `["]",{"id":1}]`,
		"ä": `"umlaut"`, `a"b`: `"quote"`, "": `"empty"`, "last": `"\\"`,
	} {
		if got, found, err := b.Field(name); !found || err != nil || string(got) != want {
			t.Errorf("%q is %s (%t, %v), want %s", name, got, found, err, want)
		}
	}
	for _, name := range []string{"nothing", "inner", "x", "ID", `"id"`} {
		if got, found, err := b.Field(name); found || err != nil || got != nil {
			t.Errorf("%q is %s (%t, %v), there is none", name, got, found, err)
		}
	}
	if _, found, err := (message.Body{}).Field("id"); found || err != nil {
		t.Errorf("no request has an id (%v)", err)
	}
}

func TestWith(t *testing.T) {
	for _, test := range []struct{ before, name, value, after string }{
		{``, "id", "a", `{"id":"a"}`},
		{`{}`, "id", "a", `{"id":"a"}`},
		{`{ }`, "id", "a", `{"id":"a" }`},
		{`{"b": 1}`, "id", "a", `{"id":"a","b": 1}`},
		{`{"b":1, "id" : null , "c":"<"}`, "id", "a", `{"b":1, "id" : "a" , "c":"<"}`},
		{`{"id":{"x":1}}`, "id", `"`, `{"id":"\""}`},
		{`{"\u0069d":7}`, "id", "7", `{"\u0069d":"7"}`},
	} {
		before := message.Body{}
		if test.before != "" {
			before = body(t, test.before)
		}
		after, err := before.With(test.name, test.value)
		if err != nil || string(after.JSON()) != test.after {
			t.Errorf("%s became %s (%v), want %s", test.before, after.JSON(), err, test.after)
		}
		if after.Hash() != before.Hash() {
			t.Errorf("%s: the hash is not that of what was received", test.before)
		}
		if string(before.JSON()) != test.before {
			t.Errorf("%s was changed to %s", test.before, before.JSON())
		}
	}
}

// encoding/json is asked the same.
func FuzzField(f *testing.F) {
	f.Add([]byte(`{"id":"acc-1","n":-12,"o":{"id":1},"l":["]",{}]}`), "id")
	f.Add([]byte(` { "\u0069d" : [ "\"" , "}" ] , "x" : null } `), "id")
	f.Add([]byte(`{"a\\":1,"b":"\\\"","":{}}`), `a\`)
	f.Add([]byte(`{"a":1e5 }`), "a")
	f.Add([]byte(`{}`), "")
	f.Fuzz(func(t *testing.T, in []byte, name string) {
		b, err := message.JSONBody(bytes.Clone(in))
		if err != nil || b.IsZero() {
			return
		}
		all := decoded(t, b)
		for _, field := range append(slices.Collect(maps.Keys(all)), name) {
			raw, found, err := b.Field(field)
			want, there := all[field]
			there = there && string(want) != "null"
			if err != nil || found != there || found && !bytes.Equal(raw, want) {
				t.Fatalf("%q of %q is %q (%t, %v), encoding/json says %q (%t)", field, in, raw, found, err, want, there)
			}
		}
		with, err := b.With(name, "value")
		if err != nil {
			t.Fatal(err)
		}
		var set string
		after := decoded(t, with)
		key := string([]rune(name)) // names are code: none has bytes that are not UTF-8
		if err := json.Unmarshal(after[key], &set); err != nil || set != "value" {
			t.Fatalf("%q with %q is %q", in, name, with.JSON())
		}
		delete(after, key)
		delete(all, key)
		if !maps.EqualFunc(after, all, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Fatalf("%q with %q is %q: other fields changed", in, name, with.JSON())
		}
	})
}

func decoded(t *testing.T, b message.Body) map[string]json.RawMessage {
	t.Helper()
	var all map[string]json.RawMessage
	must(t, json.Unmarshal(b.JSON(), &all))
	return all
}

func TestProtoFields(t *testing.T) {
	wrap := func(m *typepb.Field) message.Body {
		a, err := anypb.New(m)
		must(t, err)
		return message.ProtoBody(a)
	}
	b := wrap(&typepb.Field{Name: "acc-1", Number: 7, JsonName: ""})
	for name, want := range map[string]string{"name": `"acc-1"`, "number": `7`} {
		if got, found, err := b.Field(name); !found || err != nil || string(got) != want {
			t.Errorf("%s is %s (%t, %v)", name, got, found, err)
		}
	}
	for _, name := range []string{"json_name", "oneof_index"} { // "" and 0 are absent
		if got, found, err := b.Field(name); found || err != nil {
			t.Errorf("%s is %s (%v)", name, got, err)
		}
	}
	for _, name := range []string{"missing", "kind", "options", "packed", "jsonName"} {
		if got, _, err := b.Field(name); err == nil {
			t.Errorf("%s is %s", name, got)
		}
		if _, err := b.With(name, "x"); err == nil {
			t.Errorf("%s can be set", name)
		}
	}
	if _, err := b.With("number", "x"); err == nil {
		t.Error("a number can be set to a string")
	}
	after, err := b.With("json_name", "x")
	must(t, err)
	got := new(typepb.Field)
	must(t, after.Decode(got))
	if got.JsonName != "x" || got.Name != "acc-1" || after.Hash() != b.Hash() {
		t.Errorf("with a field it is %v", got)
	}
	must(t, b.Decode(got))
	if got.JsonName != "" {
		t.Error("the first body was changed")
	}
	for _, broken := range []*anypb.Any{
		{TypeUrl: "type.googleapis.com/no.such.Type"},
		{TypeUrl: "type.googleapis.com/google.protobuf.StringValue", Value: []byte{0x0a, 0xff}},
	} {
		if _, _, err := message.ProtoBody(broken).Field("value"); err == nil {
			t.Errorf("%v has a field", broken)
		}
		if _, err := message.ProtoBody(broken).With("value", "x"); err == nil {
			t.Errorf("%v can be changed", broken)
		}
	}
	if size := message.ProtoBody(mustAny(t, wrapperspb.String("hello"))).Size(); size != 7 {
		t.Errorf("its size is %d", size)
	}
}
