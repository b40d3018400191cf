package message_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ringhold/ringhold/message"
)

func body(t testing.TB, text string) message.Body {
	t.Helper()
	b, err := message.JSONBody([]byte(text))
	if err != nil {
		t.Fatalf("%.100s: %v", text, err)
	}
	return b
}

func TestNoRequest(t *testing.T) {
	for _, text := range []string{"", " ", "\n\t\r ", "null", " null\n"} {
		if b := body(t, text); !b.IsZero() || b.Size() != 0 || b.JSON() != nil {
			t.Errorf("%q is a request", text)
		}
	}
	if !message.ProtoBody(nil).IsZero() {
		t.Error("no message is a request")
	}
}

func TestRefusedBodies(t *testing.T) {
	for text, fault := range map[string]string{
		`{"a":1`:                   "not valid JSON: unexpected end of JSON input at byte 6",
		`{"a":01}`:                 "at byte 7",
		`{a:1}`:                    "at byte 2",
		`{"a":1}{}`:                "after top-level value",
		`{"a":1,}`:                 "at byte 8",
		"{\"a\":\"\xff\"}":         "not valid UTF-8",
		"\u00a0{}":                 "not valid JSON",
		"\ufeff{}":                 "not valid JSON",
		`[]`:                       "has to be a JSON object",
		`"a"`:                      "has to be a JSON object",
		`1`:                        "has to be a JSON object",
		`{"a":1,"a":2}`:            "Duplicate key",
		`{"b":{"a":1,"\u0061":2}}`: "Duplicate key",
		`{"a":1e400}`:              "out of range",
		`{"a":"\ud800"}`:           "surrogate",
		`{"\udc00":1}`:             "surrogate",
		deep(10_001):               "max depth",
		deep(1_000_000):            "max depth",
	} {
		b, err := message.JSONBody([]byte(text))
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%.60s: got %v, want %q", text, err, fault)
		}
		if !b.IsZero() {
			t.Errorf("%.60s is a request all the same", text)
		}
	}
	body(t, deep(9_000))
}

// deep returns an object in an object, and so on.
func deep(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }

// The example of RFC 8785, section 3.2.
func TestHashIsOfTheCanonicalForm(t *testing.T) {
	b := body(t, `{
		"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
		"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
		"literals": [null, true, false]
	}`)
	const canonical = `{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`
	if want := sha256.Sum256([]byte(canonical)); b.Hash() != want {
		t.Errorf("got %x, want %x", b.Hash(), want)
	}
}

// Keys are sorted by UTF-16 units: U+1F600 comes before U+FF5E.
func TestHashSortsByUTF16(t *testing.T) {
	want := sha256.Sum256([]byte(`{"1":1,"😀":2,"～":3}`))
	if got := body(t, `{"\uff5e":3,"1":1,"😀":2}`).Hash(); got != want {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestDifferentRequestsDifferInHash(t *testing.T) {
	seen := map[[32]byte]string{}
	for _, text := range []string{`{}`, `{"a":1}`, `{"a":2}`, `{"a":"1"}`, `{"a":null}`, `{"b":1}`, `{"a":[1,2]}`, `{"a":[2,1]}`, `{"a":"é"}`, `{"a":"e\u0301"}`} {
		h := body(t, text).Hash()
		if other, found := seen[h]; found {
			t.Errorf("%s and %s have the same hash", text, other)
		}
		seen[h] = text
	}
}

func TestDecode(t *testing.T) {
	type request struct{ Amount int }
	var r request
	if err := body(t, `{"amount":7,"unknown":1}`).Decode(&r); err != nil || r.Amount != 7 {
		t.Errorf("%+v %v", r, err)
	}
	if err := (message.Body{}).Decode(&r); err != nil {
		t.Errorf("no request: %v", err)
	}
	wrapped, err := anypb.New(wrapperspb.String("hello"))
	if err != nil {
		t.Fatal(err)
	}
	proto, out := message.ProtoBody(wrapped), new(wrapperspb.StringValue)
	if err := proto.Decode(out); err != nil || out.Value != "hello" {
		t.Errorf("%v %v", out, err)
	}
	if err := proto.Decode(&r); err == nil || !strings.Contains(err.Error(), "google.protobuf.StringValue") {
		t.Errorf("a protobuf message is read into a struct: %v", err)
	}
	if err := proto.Decode(new(wrapperspb.Int64Value)); err == nil {
		t.Error("a protobuf message is read into another one")
	}
	fields := new(structpb.Struct)
	if err := body(t, `{"a":"b"}`).Decode(fields); err != nil || fields.Fields["a"].GetStringValue() != "b" {
		t.Errorf("JSON into a protobuf message: %v %v", fields, err)
	}
	if err := body(t, `{"a":1}`).Decode(new(anypb.Any)); err == nil || strings.Contains(err.Error(), "\u00a0") {
		t.Errorf("got %v", err)
	}
}

// Whatever comes in: no panic, and what is accepted has one hash, however it is
// written.
func FuzzJSONBody(f *testing.F) {
	for _, text := range []string{
		``, `null`, `{}`, `[]`, `{"a":1,"b":[{"c":null},true,"x\n"]}`, `{"a":1,"a":1}`, `{"é":1e21,"z":-0.0}`,
		`{"a":"\ud83d\ude00"}`, `{"a":`, "{\"\x00\":1}", `{"a":1}x`, deep(50), `{"😀":1,"～":2}`, " \t{}\n", "\u00a0{}",
	} {
		f.Add([]byte(text), uint64(1))
	}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		b, err := message.JSONBody(bytes.Clone(in))
		if err != nil {
			if !b.IsZero() {
				t.Fatal("refused, and a request all the same")
			}
			return
		}
		if b.IsZero() {
			return
		}
		if !json.Valid(b.JSON()) || b.JSON()[0] != '{' {
			t.Fatalf("%q is accepted", in)
		}
		again, err := message.JSONBody(rewritten(t, b.JSON(), seed))
		if err != nil {
			t.Fatalf("%q in another order: %v", in, err)
		}
		if b.Hash() != again.Hash() {
			t.Fatalf("%q and %q have different hashes", in, again.JSON())
		}
		var v any
		if err := b.Decode(&v); err != nil {
			t.Fatalf("%q: %v", in, err)
		}
	})
}

// rewritten writes a document with its keys in another order, and with spaces.
func rewritten(t *testing.T, in []byte, seed uint64) []byte {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	var out bytes.Buffer
	var write func(raw json.RawMessage)
	write = func(raw json.RawMessage) {
		switch raw[0] {
		case '{':
			fields := map[string]json.RawMessage{}
			must(t, json.Unmarshal(raw, &fields))
			keys := make([]string, 0, len(fields))
			for k := range fields { // any order will do
				keys = append(keys, k)
			}
			random.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
			out.WriteString("{ ")
			for i, k := range keys {
				if i > 0 {
					out.WriteString(" ,\t")
				}
				quoted, err := json.Marshal(k)
				must(t, err)
				out.Write(quoted)
				out.WriteString(" :\n")
				write(fields[k])
			}
			out.WriteString("\r\n}")
		case '[':
			var items []json.RawMessage
			must(t, json.Unmarshal(raw, &items))
			out.WriteByte('[')
			for i, item := range items {
				if i > 0 {
					out.WriteByte(',')
				}
				write(item)
			}
			out.WriteString(" ]")
		default:
			out.Write(raw)
		}
	}
	write(in)
	return out.Bytes()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
