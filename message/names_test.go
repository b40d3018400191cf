package message_test

import (
	"strings"
	"testing"

	"github.com/ringhold/ringhold/message"
)

func TestServiceNames(t *testing.T) {
	for name, valid := range map[string]bool{
		"open_account": true, "a": true, "bank.open": true, "a9": true, strings.Repeat("a", 255): true,
		"": false, "Open": false, "9a": false, "_a": false, ".a": false, "open-account": false, "open account": false,
		"ä": false, "a\n": false, "a\x00": false, strings.Repeat("a", 256): false,
	} {
		if err := message.ServiceName(name).Validate(); (err == nil) != valid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestStreamNames(t *testing.T) {
	for name, valid := range map[string]bool{
		"accounts": true, "a_1": true, strings.Repeat("a", 63): true,
		"": false, "a-b": false, "a.b": false, "A": false, "1a": false, "a\n": false, strings.Repeat("a", 64): false,
	} {
		if err := message.StreamName(name).Validate(); (err == nil) != valid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestIDs(t *testing.T) {
	for _, test := range []struct {
		id, fault string // "": valid
	}{
		{"acc-1", ""}, {" ", ""}, {"a b/c", ""}, {"東京", ""}, {"😀", ""}, {"-", ""}, {"\u2028", ""}, {"a\u00a0b", ""},
		{"", "is empty"},
		{"a\x00b", "control character U+0000"},
		{"a\nb", "control character U+000A"},
		{"\x7f", "control character U+007F"},
		{"a\u0085", "control character U+0085"},
		{"a\xffb", "is not valid UTF-8"},
		{"\xed\xa0\x80", "is not valid UTF-8"}, // half a surrogate pair
	} {
		for what, err := range map[string]error{
			"aggregate id": message.AggregateID(test.id).Validate(),
			"message id":   message.ID(test.id).Validate(),
		} {
			switch {
			case test.fault == "" && err == nil:
			case test.fault == "" || err == nil || !strings.HasPrefix(err.Error(), what) || !strings.Contains(err.Error(), test.fault):
				t.Errorf("%s %q: got %v, want %q", what, test.id, err, test.fault)
			}
		}
	}
}

// The limits are bytes, not characters, and an error does not repeat what is
// too long.
func TestLengthOfIDs(t *testing.T) {
	for _, test := range []struct {
		length int
		err    func(id string) error
	}{
		{512, func(id string) error { return message.AggregateID(id).Validate() }},
		{255, func(id string) error { return message.ID(id).Validate() }},
	} {
		if err := test.err(strings.Repeat("x", test.length)); err != nil {
			t.Errorf("%d bytes: %v", test.length, err)
		}
		for _, long := range []string{strings.Repeat("x", test.length+1), strings.Repeat("é", test.length/2+1), strings.Repeat("x", 10_000)} {
			if err := test.err(long); err == nil || len(err.Error()) > 100 {
				t.Errorf("%d bytes: %v", len(long), err)
			}
		}
	}
}

func TestStreams(t *testing.T) {
	for _, test := range []struct {
		name message.StreamName
		id   message.AggregateID
	}{{"accounts", "acc-1"}, {"accounts", "-"}, {"a", "a-b-c"}} {
		s := test.name.Of(test.id)
		if name, id, ok := s.Split(); !ok || name != test.name || id != test.id {
			t.Errorf("%q splits into %q and %q (%t)", s, name, id, ok)
		}
	}
	for _, s := range []message.Stream{"", "accounts", "accounts-", "-acc"} {
		if _, _, ok := s.Split(); ok {
			t.Errorf("%q is taken for a stream", s)
		}
	}
}
