package message

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/internal/alloctest"
)

// agrees compares what is known of a document without jcs with what jcs says,
// and returns whether something was known.
func agrees(t interface {
	Helper()
	Fatalf(string, ...any)
}, in []byte,
) bool {
	t.Helper()
	b := trimSpace(in)
	slow, err := anyJSONBody(b)
	hash, known := canonicalHash(b)
	if known && (err != nil || hash != slow.hash || !bytes.Equal(slow.json, b)) {
		t.Fatalf("%q has the hash %x, or %x without jcs (%v)", in, slow.hash, hash, err)
	}
	if isCanonical(b) {
		if want, err := jcs.Transform(b); err != nil || !bytes.Equal(want, b) {
			t.Fatalf("%q is taken for canonical, jcs has %q, %v", in, want, err)
		}
		if !known {
			t.Fatalf("%q is canonical, and has no hash", in)
		}
	}
	if got, ok := new(rewriter).rewrite(b); ok {
		if want, err := jcs.Transform(b); err != nil || !bytes.Equal(want, got) {
			t.Fatalf("%q is rewritten to %q, jcs has %q, %v", in, got, want, err)
		}
	}
	if len(b) == 0 || string(b) == "null" {
		return known
	}
	body, bodyErr := JSONBody(bytes.Clone(in))
	if (err == nil) != (bodyErr == nil) || err != nil && err.Error() != bodyErr.Error() || body.hash != slow.hash || !bytes.Equal(body.json, slow.json) {
		t.Fatalf("%q is read as %q %x, %v; with jcs alone as %q %x, %v", in, body.json, body.hash, bodyErr, slow.json, slow.hash, err)
	}
	return known
}

var plainDocuments = []string{
	`{}`, `{"a":1}`, `{"a":"x","b":[1,2,{"c":null}],"d":{"e":true,"f":false}}`, `{ "b" : 1 , "a" : [ ] }`, "{\n\t\"z\": {},\r\"a\": [ {} , [] ]}",
	`{"account_id":"acc-1","amount":100}`, `{"b":2,"a":1,"c":{"z":1,"y":[{"q":1,"p":2}]}}`, `{"":0}`,
	`{"a":-1}`, `{"a":999999999999999}`, `{"a":-999999999999999}`, `{"a":0.5}`, `{"a":-0.5}`, `{"a":19.99}`, `{"a":0.000001}`, `{"a":12345678.1234567}`,
	"{\"a\":\"é 😀 \u2028\"}", `{"a":"\"\\\b\f\n\r\t/"}`, "{\"a\":\"\x7f\"}", `{"text":"` + strings.Repeat("eight bytes and more ", 20) + `"}`,
}

// These go without jcs: it would be what most of a command costs.
func TestPlainDocumentsGoWithoutJCS(t *testing.T) {
	for _, text := range plainDocuments {
		if !agrees(t, []byte(text)) {
			t.Errorf("%s goes through jcs", text)
		}
	}
	deep := strings.Repeat(`{"a":`, maxPlainDepth) + "1" + strings.Repeat("}", maxPlainDepth)
	if agrees(t, []byte(`{"a":`+deep+`}`)) || !agrees(t, []byte(deep[5:len(deep)-1])) {
		t.Error("the depth has another limit")
	}
}

var oddDocuments = []string{
	``, `null`, `[]`, `1`, `{`, `{"a"`, `{"a":`, `{"a":}`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{"a":1}{}`, `{"a":1}x`, `{"a" 1}`, `{a:1}`, `{"a":[1,]}`, `{"a":[,]}`, `{"a":[1 2]}`,
	`{"a":1.0}`, `{"a":1.50}`, `{"a":1e2}`, `{"a":1E2}`, `{"a":0.1e1}`, `{"a":-0}`, `{"a":-0.0}`, `{"a":0.0}`, `{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":.5}`, `{"a":+1}`, `{"a":00.5}`,
	`{"a":0.0000001}`, `{"a":0.00000012}`, `{"a":1000000000000000}`, `{"a":9007199254740993}`, `{"a":0.1234567890123456}`, `{"a":1e400}`, `{"a":1x}`,
	`{"a":"\u0041"}`, `{"a":"\u000a"}`, `{"a":"\/"}`, `{"a":"\x"}`, `{"a":"\`, `{"a":"\ud800"}`, "{\"a\":\"\n\"}", "{\"a\":\"\xff\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\x00\"}",
	`{"é":1}`, `{"～":1,"😀":2}`, `{"\u0061":1}`, `{"a\n":1}`, `{"a":1,"a":2}`, `{ "a":1, "b":2, "a":3}`, `{"b":{"a":1,"a":2}}`, `{"a":tru}`, `{"a":truex}`, `{"a":nul`, `{"a":NaN}`,
	"\u00a0{}", "\ufeff{}", " \t{}\n", "{\"a\"\v:1}",
}

func TestOddDocumentsAreLeftToJCS(t *testing.T) {
	for _, text := range oddDocuments {
		if agrees(t, []byte(text)) && strings.TrimSpace(text) != "{}" {
			t.Errorf("%s goes without jcs", text)
		}
	}
}

// Strings are looked at eight bytes at a time: any byte at any place is seen.
func TestEveryByteInEveryPlaceOfAString(t *testing.T) {
	for at := range 20 {
		for c := range 256 {
			text := []byte("abcdefghijklmnopqrst")
			text[at] = byte(c)
			agrees(t, slices.Concat([]byte(`{"a":"`), text, []byte(`"}`)))
			agrees(t, slices.Concat([]byte(`{"`), text, []byte(`":"a"}`)))
		}
	}
}

// documents draws JSON and what nearly is, with numbers, strings and white
// space that are at the edge of what goes without jcs.
func documents() *rapid.Generator[string] {
	space := rapid.SampledFrom([]string{"", "", "", "", " ", "\n\t", "\r "})
	key := rapid.SampledFrom([]string{"", "a", "b", "ab", "a b", "A", "é", `\u0061`, `\n`, "～", "😀", "~", "\x7f", "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaab"})
	number := rapid.OneOf(
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,16})?`), rapid.StringMatching(`-?0\.0{0,8}[0-9]{1,4}`), rapid.StringMatching(`-?[0-9]{1,3}([eE][-+]?[0-9]{1,2})?`))
	text := rapid.OneOf(rapid.StringMatching(`"([ -~]|\\[nrtbf/"\\]|\\u00[0-9a-f]{2}|é|😀){0,20}"`), rapid.Just(`""`))
	scalar := rapid.OneOf(number, text, rapid.SampledFrom([]string{"true", "false", "null"}))
	var value func(depth int) *rapid.Generator[string]
	value = func(depth int) *rapid.Generator[string] {
		if depth == 0 {
			return scalar
		}
		return rapid.Custom(func(t *rapid.T) string {
			s := func() string { return space.Draw(t, "space") }
			kind := rapid.IntRange(0, 3).Draw(t, "kind")
			if depth == 4 {
				kind = 0
			}
			var parts []string
			n := rapid.IntRange(0, 4).Draw(t, "n")
			switch kind {
			case 0:
				for range n {
					parts = append(parts, s()+`"`+key.Draw(t, "key")+`"`+s()+":"+s()+value(depth-1).Draw(t, "value")+s())
				}
				return "{" + strings.Join(parts, ",") + "}"
			case 1:
				for range n {
					parts = append(parts, s()+value(depth-1).Draw(t, "value")+s())
				}
				return "[" + strings.Join(parts, ",") + "]"
			}
			return scalar.Draw(t, "scalar")
		})
	}
	return value(4)
}

func TestCanonicalHashOfGeneratedDocuments(t *testing.T) {
	known, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		all++
		if agrees(t, []byte(documents().Draw(t, "document"))) {
			known++
		}
	})
	if known == 0 || known == all {
		t.Errorf("%d of %d documents went without jcs", known, all)
	}
}

// What goes without jcs has the hash that jcs gives it, and is refused by
// nothing.
func FuzzCanonicalHash(f *testing.F) {
	for _, text := range plainDocuments {
		f.Add([]byte(text))
	}
	for _, text := range oddDocuments {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, in []byte) { agrees(t, in) })
}

// A request that has to be rewritten takes its buffers from a pool.
func TestRequestsDoNotAllocate(t *testing.T) {
	for text, race := range map[string]int{`{"account_id":"acc-1","amount":100}`: 0, `{ "amount": 100, "account_id": "acc-1" }`: 6} {
		in, want := []byte(text), sha256.Sum256([]byte(`{"account_id":"acc-1","amount":100}`))
		alloctest.AtMost(t, text, 0, race, func() {
			if b, err := JSONBody(in); err != nil || b.Hash() != want {
				t.Fatalf("%s: %x, %v", text, b.Hash(), err)
			}
		})
	}
}
