package plainjson_test

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/internal/alloctest"
	"github.com/ringhold/ringhold/internal/plainjson"
)

type (
	name string

	line struct {
		SKU      string  `json:"sku"`
		Quantity int     `json:"quantity"`
		Price    float64 `json:"price,omitempty"`
	}

	order struct {
		ID      name       `json:"id"`
		Text    string     `json:"text,omitempty"`
		N       int64      `json:"n"`
		Small   int8       `json:"small,omitempty"`
		U       uint16     `json:"u,omitempty"`
		F       float64    `json:"f"`
		F32     float32    `json:"f32,omitempty"`
		B       bool       `json:"b,omitempty"`
		At      time.Time  `json:"at,omitempty"`
		Until   *time.Time `json:"until,omitempty"`
		P       *int       `json:"p,omitempty"`
		Lines   []line     `json:"lines,omitempty"`
		Tags    []string   `json:"tags"`
		First   line       `json:"first,omitempty"`
		Last    *line      `json:"last"`
		Plain   int
		Dash    int `json:"-"`
		private int
	}
)

func codec[T any](t testing.TB) *plainjson.Codec {
	t.Helper()
	c := plainjson.For(reflect.TypeFor[T]())
	if c == nil {
		t.Fatalf("%v is not plain", reflect.TypeFor[T]())
	}
	return c
}

// reads compares what is read of a document with what encoding/json reads, and
// returns whether anything is.
func reads[T any](t interface {
	Helper()
	Fatalf(string, ...any)
}, c *plainjson.Codec, in []byte,
) bool {
	t.Helper()
	var fast, slow T
	own := bytes.Clone(in)
	if !c.Decode(own, reflect.ValueOf(&fast).Elem()) {
		return false
	}
	clear(own) // nothing of it is kept
	if err := json.Unmarshal(in, &slow); err != nil || !reflect.DeepEqual(fast, slow) {
		t.Fatalf("%q is read as %+v; encoding/json reads %+v, %v", in, fast, slow, err)
	}
	return true
}

func writes[T any](t interface {
	Helper()
	Fatalf(string, ...any)
}, c *plainjson.Codec, v T,
) bool {
	t.Helper()
	got, ok := c.Append([]byte("x"), reflect.ValueOf(v))
	if !ok {
		return false
	}
	if want, err := json.Marshal(v); err != nil || string(got) != "x"+string(want) {
		t.Fatalf("%+v is written as %s; encoding/json writes %s, %v", v, got, want, err)
	}
	return true
}

var usual = []string{
	`{}`, `null`, ` { } `, `{"id":"a","n":1,"f":1.5,"tags":null}`, `{"n":-5,"id":"b"}`, "{\n\t\"id\" : \"a\" , \"tags\" : [ \"x\" , \"y\" ] }",
	`{"id":"é😀","text":"\u003cb\u003e \n \"q\" \\ \ud83d\ude00 \ud800"}`, `{"b":true,"u":65535,"small":-128,"f32":1e10,"f":-0.0}`,
	`{"at":"2026-01-02T03:04:05.678Z","until":null,"p":null,"b":null,"id":null}`, `{"until":"2026-01-02T03:04:05+01:00","p":7}`,
	`{"lines":[],"tags":[]}`, `{"lines":[{"sku":"a","quantity":1,"price":9.99},{}],"first":{"sku":"x"},"last":{"quantity":2}}`,
	`{"n":1,"n":2,"last":{"sku":"a"},"last":{"quantity":1},"p":1,"p":null}`, `{"Plain":3}`, `{"n":999999999999999999}`,
}

func TestUsualDocuments(t *testing.T) {
	c := codec[order](t)
	for _, text := range usual {
		if !reads[order](t, c, []byte(text)) {
			t.Errorf("%s is left to encoding/json", text)
		}
	}
}

var odd = []string{
	``, `{`, `}`, `[]`, `1`, `"x"`, `true`, `nul`, `{}x`, `{}{}`, `{"n"`, `{"n":`, `{"n":}`, `{"n":1`, `{"n":1,`, `{"n":1,}`, `{,}`, `{"n" 1}`, `{n:1}`, `{"n":1 "f":2}`,
	`{"N":1}`, `{"plain":3}`, `{"unknown":1}`, `{"\u006e":1}`, `{"dash":1,"Dash":1}`, `{"private":1}`,
	`{"n":1.0}`, `{"n":1e2}`, `{"n":"1"}`, `{"n":01}`, `{"n":-}`, `{"n":9223372036854775807}`, `{"n":92233720368547758070}`, `{"small":128}`, `{"u":-1}`, `{"u":65536}`, `{"n":true}`,
	`{"f":1.}`, `{"f":.5}`, `{"f":1e}`, `{"f":1e400}`, `{"f32":1e40}`, `{"f":0x1p3}`, `{"f":Inf}`, `{"f":1_0}`, `{"f":00}`, `{"f":+1}`,
	`{"id":1}`, `{"id":"a}`, "{\"id\":\"\n\"}", "{\"id\":\"\xff\"}", "{\"id\":\"\\x\"}", `{"id":"\`, `{"b":tru}`, `{"b":truex}`, `{"b":1}`, `{"at":"x"}`, `{"at":1}`, `{"at":"2026-01-02"}`, `{"at":"2026-01-02T03:04:05`,
	`{"tags":["a",]}`, `{"tags":[,]}`, `{"tags":["a" "b"]}`, `{"tags":{}}`, `{"tags":["a"],"tags":["b"]}`, `{"tags":[1]}`, `{"first":[]}`, `{"last":1}`, `{"lines":[{"sku":1}]}`,
}

func TestOddDocumentsAreLeftToEncodingJSON(t *testing.T) {
	c := codec[order](t)
	for _, text := range odd {
		if reads[order](t, c, []byte(text)) {
			t.Errorf("%s is not left to encoding/json", text)
		}
	}
}

func documents() *rapid.Generator[string] {
	space := rapid.SampledFrom([]string{"", "", "", " ", "\n", "\t\r"})
	number := rapid.OneOf(rapid.StringMatching(`-?(0|[1-9][0-9]{0,19})`), rapid.StringMatching(`-?[0-9]{1,4}(\.[0-9]{1,3})?([eE][-+]?[0-9]{1,3})?`))
	text := rapid.OneOf(rapid.StringMatching(`"([ -~]|\\[nrtbf/"\\]|\\u[0-9a-f]{4}|é|😀){0,12}"`), rapid.SampledFrom([]string{`"2026-01-02T03:04:05Z"`, `"2026-01-02T03:04:05.123456789-07:00"`}))
	scalar := rapid.OneOf(number, text, rapid.SampledFrom([]string{"true", "false", "null", "{}", "[]"}))
	keys := rapid.SampledFrom([]string{"id", "text", "n", "small", "u", "f", "f32", "b", "at", "until", "p", "lines", "tags", "first", "last", "Plain", "sku", "quantity", "price", "ID"})
	var value func(depth int) *rapid.Generator[string]
	value = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			s := func() string { return space.Draw(t, "space") }
			kind, n := rapid.IntRange(0, 5).Draw(t, "kind"), rapid.IntRange(0, 4).Draw(t, "n")
			if depth == 3 {
				kind = 0
			}
			var parts []string
			switch {
			case kind == 0 && depth > 0:
				for range n {
					parts = append(parts, s()+`"`+keys.Draw(t, "key")+`"`+s()+":"+s()+value(depth-1).Draw(t, "value")+s())
				}
				return "{" + strings.Join(parts, ",") + "}"
			case kind == 1 && depth > 0:
				for range n {
					parts = append(parts, s()+value(depth-1).Draw(t, "value")+s())
				}
				return "[" + strings.Join(parts, ",") + "]"
			}
			return scalar.Draw(t, "scalar")
		})
	}
	return value(3)
}

func TestGeneratedDocuments(t *testing.T) {
	c, known := codec[order](t), 0
	rapid.Check(t, func(t *rapid.T) {
		if reads[order](t, c, []byte(documents().Draw(t, "document"))) {
			known++
		}
	})
	if known == 0 {
		t.Error("nothing was read")
	}
}

func orders() *rapid.Generator[order] {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{0,20}`), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	floats := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1e21, 1e20, 1e-6, 9.99e-7, 1e-9, 1e-10, 1e100, math.Inf(1), math.NaN(), 19.99}))
	lines := rapid.Custom(func(t *rapid.T) line {
		return line{text.Draw(t, "sku"), rapid.Int().Draw(t, "quantity"), floats.Draw(t, "price")}
	})
	return rapid.Custom(func(t *rapid.T) order {
		at := time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
		o := order{
			ID: name(text.Draw(t, "id")), Text: text.Draw(t, "text"), N: rapid.Int64().Draw(t, "n"), Small: rapid.Int8().Draw(t, "small"),
			U: rapid.Uint16().Draw(t, "u"), F: floats.Draw(t, "f"), F32: rapid.OneOf(rapid.Float32(), rapid.SampledFrom([]float32{1e-6, 1e21, 1e20, 1e-7})).Draw(t, "f32"), B: rapid.Bool().Draw(t, "b"), At: at,
			P: rapid.Ptr(rapid.Int(), true).Draw(t, "p"), Lines: rapid.SliceOfN(lines, 0, 3).Draw(t, "lines"), First: lines.Draw(t, "first"),
			Last: rapid.Ptr(lines, true).Draw(t, "last"), Plain: rapid.Int().Draw(t, "plain"), Dash: 1, private: 1,
		}
		if rapid.Bool().Draw(t, "more") {
			o.Until, o.Tags = &at, rapid.SliceOf(text).Draw(t, "tags")
		}
		return o
	})
}

func TestGeneratedValues(t *testing.T) {
	c, known := codec[order](t), 0
	rapid.Check(t, func(t *rapid.T) {
		o := orders().Draw(t, "order")
		if !writes(t, c, o) {
			return
		}
		known++
		text, _ := c.Append(nil, reflect.ValueOf(o))
		reads[order](t, c, text)
	})
	if known == 0 {
		t.Error("nothing was written")
	}
}

func TestNotPlain(t *testing.T) {
	type embedded struct{ line }
	type itself struct{ Next *itself }
	type list []list
	for _, v := range []any{
		embedded{}, itself{}, list{}, []byte{}, map[string]int{}, [2]int{}, json.RawMessage{}, json.Number(""), netip.Addr{}, &netip.Addr{}, make(chan int),
		struct{ V any }{}, struct {
			V int `json:",string"`
		}{}, struct {
			V time.Time `json:",omitzero"`
		}{}, struct {
			V int `json:"é"`
		}{}, struct{ V []netip.Addr }{}, struct {
			V int `json:"a b"`
		}{},
	} {
		if plainjson.For(reflect.TypeOf(v)) != nil {
			t.Errorf("%T is plain", v)
		}
	}
	twice := []reflect.StructField{{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"x"`}, {Name: "B", Type: reflect.TypeFor[int](), Tag: `json:"x"`}}
	if plainjson.For(reflect.StructOf(twice)) != nil {
		t.Error("a struct with a name twice is plain")
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range append(usual, odd...) {
		f.Add([]byte(text))
	}
	c := codec[order](f)
	f.Fuzz(func(t *testing.T, in []byte) {
		reads[order](t, c, in)
		if plainjson.IsValid(in) && !(json.Valid(in) && utf8.Valid(in)) {
			t.Fatalf("%q is taken for valid", in)
		}
	})
}

func TestIsValid(t *testing.T) {
	for _, text := range append(usual[:5:5], `[1,-2.5e+3,[],{},"é\n\/",true,false,null]`, ` "x" `, `-0`, `1`, `{"a":{"b":[{"c":"d"}]},"e":""}`) {
		if !plainjson.IsValid([]byte(text)) {
			t.Errorf("%s is left to encoding/json", text)
		}
	}
	for _, text := range append(odd, `"\u00zz"`, `"\`, `"\x"`, "\"\xff\"", "\"\n\"", `{"a":1}}`, `[1`, `[1,]`, `[`, `-`, `"`, `{"a":`, `{"a"`, `truf`, `nullx`) {
		if in := []byte(text); plainjson.IsValid(in) && !json.Valid(in) {
			t.Errorf("%s is taken for valid", text)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := []byte(documents().Draw(t, "document"))
		if plainjson.IsValid(in) && !json.Valid(in) {
			t.Fatalf("%s is taken for valid", in)
		}
	})
}

func FuzzAppend(f *testing.F) {
	f.Add("a", int64(1), 1.5, false)
	f.Add("<é\u2028\xff\"\\\x7f", int64(-1), 1e-9, true)
	c := codec[order](f)
	f.Fuzz(func(t *testing.T, s string, n int64, x float64, b bool) {
		writes(t, c, order{ID: name(s), N: n, F: x, F32: float32(x), B: b, At: time.Unix(n%(1<<40), 0).UTC(), Tags: []string{s}, Small: int8(n), U: uint16(n), Plain: int(n)})
	})
}

func TestAllocations(t *testing.T) {
	c, text := codec[line](t), []byte(`{"sku":"sku-1","quantity":5,"price":9.99}`)
	v := new(line)
	out, in := reflect.ValueOf(v).Elem(), reflect.ValueOf(line{"sku-1", 5, 9.99})
	alloctest.AtMost(t, "read, with one string", 1, 1, func() {
		if !c.Decode(text, out) || v.Price != 9.99 {
			t.Fatal(*v)
		}
	})
	b := make([]byte, 0, 100)
	alloctest.AtMost(t, "write", 0, 0, func() {
		if got, ok := c.Append(b, in); !ok || !bytes.Equal(got, text) {
			t.Fatalf("%s", got)
		}
	})
}
