package jsonschema_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/typepb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ringhold/ringhold/internal/jsonschema"
)

type (
	order struct {
		ID       string            `json:"id,omitempty" doc:"generated if absent"`
		Placed   time.Time         `json:"placed"`
		Lines    []line            `json:"lines"`
		Gift     *line             `json:"gift"`
		Notes    map[string]string `json:"notes,omitempty"`
		Extra    json.RawMessage   `json:"extra,omitempty"`
		Anything any               `json:"anything,omitempty"`
		Picture  []byte            `json:"picture,omitempty"`
		Small    int8              `json:"small"`
		Count    uint16            `json:"count"`
		Big      int64             `json:"big"`
		Quoted   int64             `json:"quoted,string"`
		Wait     time.Duration     `json:"wait"`
		Rate     float64
		Express  bool `json:",omitzero"`
		Money    money
		Level    level
		Hidden   string `json:"-"`
		secret   string
	}
	line struct {
		SKU  string `json:"sku"`
		Sub  []line `json:"sub,omitempty"`
		Size struct {
			Wide int `json:"wide"`
		} `json:"size"`
	}
	money struct{ cents int64 }
	level int
)

func (m *money) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &m.cents) }
func (l *level) UnmarshalText([]byte) error   { *l = 1; return nil }

func TestStruct(t *testing.T) {
	_ = order{}.secret
	const want = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "id": {"type": "string", "description": "generated if absent"},
    "placed": {"type": "string", "format": "date-time"},
    "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
    "gift": {"$ref": "#/$defs/line"},
    "notes": {"type": "object", "additionalProperties": {"type": "string"}},
    "extra": {},
    "anything": {},
    "picture": {"type": "string", "contentEncoding": "base64"},
    "small": {"type": "integer", "minimum": -128, "maximum": 127},
    "count": {"type": "integer", "minimum": 0, "maximum": 65535},
    "big": {"type": "integer", "format": "int64"},
    "quoted": {"type": "string"},
    "wait": {"type": "integer", "description": "nanoseconds"},
    "Rate": {"type": "number"},
    "Express": {"type": "boolean"},
    "Money": {},
    "Level": {"type": "string"}
  },
  "required": ["placed", "lines", "small", "count", "big", "quoted", "wait", "Rate", "Money", "Level"],
  "$defs": {
    "line": {
      "type": "object",
      "properties": {
        "sku": {"type": "string"},
        "sub": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "size": {"type": "object", "properties": {"wide": {"type": "integer", "format": "int64"}}, "required": ["wide"]}
      },
      "required": ["sku", "size"]
    }
  }
}`
	same(t, jsonschema.Of(reflect.TypeFor[order]()), want)
	same(t, jsonschema.Of(reflect.TypeFor[*order]()), want)
}

type pair[A, B any] struct {
	First  A
	Second B
}

type tree struct {
	Left  *tree             `json:"left"`
	Pairs pair[int8, uint8] `json:"pairs"`
}

func TestRecursionAndNames(t *testing.T) {
	got := string(jsonschema.Of(reflect.TypeFor[tree]()))
	for _, want := range []string{
		`"left":{"$ref":"#"}`, `"$ref":"#/$defs/pair%5Bint8%2Cuint8%5D"`, `"$defs":{"pair[int8,uint8]":`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

func TestTypesWithoutFields(t *testing.T) {
	const start = `{"$schema":"` + jsonschema.Draft + `"`
	for _, test := range []struct {
		t    reflect.Type
		want string
	}{
		{reflect.TypeFor[map[string]any](), start + `,"type":"object","additionalProperties":{}}`},
		{reflect.TypeFor[json.RawMessage](), start + `}`},
		{reflect.TypeFor[any](), start + `}`},
		{reflect.TypeFor[json.Number](), start + `,"type":"number"}`},
		{reflect.TypeFor[[2]string](), start + `,"type":"array","items":{"type":"string"}}`},
		{reflect.TypeFor[struct{}](), start + `,"type":"object","properties":{}}`},
	} {
		same(t, jsonschema.Of(test.t), test.want)
	}
}

func TestProtoMessage(t *testing.T) {
	// Option is a message of google/protobuf/type.proto: a string and an Any.
	same(t, jsonschema.Of(reflect.TypeFor[*typepb.Option]()), `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "name": {"type": "string"},
    "value": {"type": "object", "properties": {"@type": {"type": "string"}}, "required": ["@type"]}
  }
}`)
	got := string(jsonschema.Of(reflect.TypeFor[*typepb.Type]()))
	for _, want := range []string{
		`"fields":{"type":"array","items":{"$ref":"#/$defs/google.protobuf.Field"}}`,
		`"source_context":{"$ref":"#/$defs/google.protobuf.SourceContext"}`,
		`"syntax":{"type":"string","enum":["SYNTAX_PROTO2","SYNTAX_PROTO3","SYNTAX_EDITIONS"]}`,
		`"number":{"type":"integer","minimum":-2147483648,"maximum":2147483647}`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

func TestWellKnownMessages(t *testing.T) {
	const start = `{"$schema":"` + jsonschema.Draft + `"`
	for _, test := range []struct {
		t    reflect.Type
		want string
	}{
		{reflect.TypeFor[*timestamppb.Timestamp](), `,"type":"string","format":"date-time"}`},
		{reflect.TypeFor[*durationpb.Duration](), `,"type":"string","description":"seconds with the suffix s, as in \"1.5s\""}`},
		{reflect.TypeFor[*structpb.Struct](), `,"type":"object"}`},
		{reflect.TypeFor[*structpb.Value](), `}`},
		{reflect.TypeFor[*wrapperspb.Int64Value](), `,"type":["integer","string"],"format":"int64"}`},
		{reflect.TypeFor[*wrapperspb.BytesValue](), `,"type":"string","contentEncoding":"base64"}`},
	} {
		same(t, jsonschema.Of(test.t), start+test.want)
	}
}

type (
	inner struct {
		A string `json:"a"`
		B string
		C string `json:"c"`
	}
	left  struct{ Same, Own string }
	right struct {
		Same string
		Own  string `json:"Own"`
	}
	embedding struct {
		inner
		*left
		right
		Named inner `json:"named"`
		B     int   `json:"B"`
		C     int   `json:"-"`
		D     int   `json:"-,"` //nolint:staticcheck // a name that encoding/json takes
		Inner inner `json:"inner"`
	}
	Tagged struct {
		inner `json:"tagged"`
		Open  `json:"open"`
	}
	Open struct{ X int }
)

// encoding/json itself says which keys a struct has.
func TestFieldsAreThoseOfEncodingJSON(t *testing.T) {
	for _, v := range []any{inner{}, embedding{left: &left{}}, Tagged{}, order{}, struct{ *Open }{&Open{}}} {
		typ := reflect.TypeOf(v)
		var got []string
		for _, f := range jsonschema.Fields(typ) {
			got = append(got, f.Name)
		}
		want := keys(t, v)
		if typ == reflect.TypeFor[order]() { // its optional fields are not written
			want = append(want, "id", "notes", "extra", "anything", "picture", "Express")
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s has the fields %q, encoding/json writes %q", typ, got, want)
		}
	}
}

func keys(t *testing.T, v any) []string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

// same compares two documents with the order of their keys.
func same(t *testing.T, got json.RawMessage, want string) {
	t.Helper()
	var w bytes.Buffer
	if err := json.Compact(&w, []byte(want)); err != nil {
		t.Fatal(err)
	}
	if string(got) != w.String() {
		t.Errorf("got  %s\nwant %s", got, w.String())
	}
}
