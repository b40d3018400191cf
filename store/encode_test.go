package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/internal/alloctest"
	"github.com/ringhold/ringhold/message"
)

// TestCommandText pins the stored form: every later release has to read it.
func TestCommandText(t *testing.T) {
	c := &Command{
		Service:  "deposit",
		Hash:     sha256.Sum256([]byte("x")),
		Request:  []byte(`{"account_id":"<acc & 1>", "amount":100}`),
		Response: []byte(`{"result":"ok","version":1}`),
		Events:   2,
	}
	want := `{"service":"deposit","hash":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","events":2,` +
		`"response":{"result":"ok","version":1},"request":{"account_id":"<acc & 1>", "amount":100}}`
	if got := string(EncodeCommand(c)); got != want {
		t.Fatalf("stored form\n%s\nwant\n%s", got, want)
	}
	got, err := DecodeCommand([]byte(want))
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Fatalf("read back %+v, %v", got, err)
	}
}

func TestCommandRoundTrip(t *testing.T) {
	payload := rapid.OneOf(
		rapid.Just([]byte(nil)),
		rapid.SliceOf(rapid.Byte()),
		rapid.SampledFrom([][]byte{[]byte(`null`), []byte(`"\u0000 \ud83d"`), []byte(`{"a":[1,2.50,1e400]}`), []byte("\"\xff\""), {}}),
	)
	command := rapid.Custom(func(t *rapid.T) Command {
		return Command{
			Service:         message.ServiceName(rapid.StringMatching(`[a-z][a-z0-9_.]{0,20}`).Draw(t, "service")),
			Hash:            sha256.Sum256(rapid.SliceOf(rapid.Byte()).Draw(t, "hashed")),
			Request:         payload.Draw(t, "request"),
			RequestEncoding: rapid.SampledFrom([]Encoding{JSON, Proto}).Draw(t, "encoding"),
			Response:        payload.Draw(t, "response"),
			Events:          rapid.IntRange(0, 9).Draw(t, "events"),
		}
	})
	same := func(a, b []byte) bool {
		return bytes.Equal(a, b) && (a == nil) == (b == nil) || json.Valid(a) && bytes.Equal(bytes.TrimSpace(a), b)
	}
	equal := func(a, b Command) bool {
		ok := same(a.Request, b.Request) && same(a.Response, b.Response)
		a.Request, a.Response, b.Request, b.Response = nil, nil, nil, nil
		return ok && reflect.DeepEqual(a, b)
	}
	rapid.Check(t, func(t *rapid.T) {
		recent := make([]Processed, rapid.IntRange(0, 3).Draw(t, "n"))
		for i := range recent {
			recent[i] = Processed{MessageID: message.ID(rapid.StringN(1, 10, 40).Draw(t, "id")), Command: command.Draw(t, "command")}
			got, err := DecodeCommand(EncodeCommand(&recent[i].Command))
			if err != nil || !equal(recent[i].Command, *got) {
				t.Fatalf("%+v came back as %+v, %v", recent[i].Command, got, err)
			}
		}
		text := EncodeRecent(recent)
		if !json.Valid(text) {
			t.Fatalf("not JSON: %s", text)
		}
		got, err := DecodeRecent(text)
		if err != nil || len(got) != len(recent) {
			t.Fatalf("%d of %d came back, %v", len(got), len(recent), err)
		}
		for i := range got {
			if got[i].MessageID != recent[i].MessageID || !equal(recent[i].Command, got[i].Command) {
				t.Fatalf("%+v came back as %+v", recent[i], got[i])
			}
		}
	})
}

func TestDecodeCommandRefuses(t *testing.T) {
	for _, text := range []string{``, `[]`, `{"service":"a"}`, `{"service":"a","hash":"00"}`, `{"service":1}`} {
		if c, err := DecodeCommand([]byte(text)); err == nil {
			t.Errorf("%s was read as %+v", text, c)
		}
	}
}

// FuzzDecodeCommand checks that the two ways of reading a command agree, and
// that what was read can be written and read again.
func FuzzDecodeCommand(f *testing.F) {
	for _, c := range []Command{
		{Service: "a", Request: []byte(`{"b":["}\"",{}]}`), Response: []byte(`"\\"`), Events: 12},
		{Service: "a", Request: []byte{}, RequestEncoding: Proto, Response: []byte{1}},
		{Service: "a", Request: []byte(`1`), RequestEncoding: Proto},
	} {
		f.Add(EncodeCommand(&c))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := DecodeCommand(text)
		if err != nil {
			return
		}
		var j commandJSON
		if json.Unmarshal(text, &j) == nil && utf8.Valid(text) {
			if other, err := j.command(); err != nil || !reflect.DeepEqual(c, other) {
				t.Fatalf("%s is read as %+v and as %+v, %v", text, c, other, err)
			}
		}
		if _, err := DecodeCommand(EncodeCommand(c)); err != nil {
			t.Fatal(err)
		}
	})
}

// TestDecodeOwn checks that the usual forms take the fast way.
func TestDecodeOwn(t *testing.T) {
	for _, c := range []Command{
		{Service: "deposit", Request: []byte(`{"id":"acc, }\"1","a":[{"b":1}]}`), Response: []byte(`{"result":"ok","version":1}`), Events: 2},
		{Service: "deposit", Response: []byte(`null`)},
		{Service: "deposit", RequestEncoding: Proto},
	} {
		if got, ok := decodeOwn(EncodeCommand(&c)); !ok || !reflect.DeepEqual(*got, c) {
			t.Errorf("%+v is read as %+v, %v", c, got, ok)
		}
	}
}

func BenchmarkDecodeCommand(b *testing.B) {
	text := EncodeCommand(&Command{Service: "deposit", Request: []byte(`{"account_id":"acc-1","amount":100}`), Response: []byte(`{"result":"ok","version":1}`), Events: 1})
	for b.Loop() {
		if _, err := DecodeCommand(text); err != nil {
			b.Fatal(err)
		}
	}
}

func TestEncodeCommandAllocates(t *testing.T) {
	c := &Command{Service: "deposit", Request: []byte(`{"account_id":"acc-1","amount":100,"note":"é"}`), Response: []byte(`{"result":"ok","version":1}`), Events: 1}
	text := EncodeCommand(c)
	alloctest.AtMost(t, "write a command", 1, 1, func() { EncodeCommand(c) })
	alloctest.AtMost(t, "read a command", 3, 3, func() {
		if _, err := DecodeCommand(text); err != nil {
			t.Fatal(err)
		}
	})
}
