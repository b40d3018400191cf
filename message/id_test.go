package message_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/message"
)

func TestIDFrom(t *testing.T) {
	for raw, want := range map[string]message.AggregateID{
		`"acc-1"`: "acc-1", `"0192d3a4-7c1e-7a3b-8f00-0123456789ab"`: "0192d3a4-7c1e-7a3b-8f00-0123456789ab",
		`42`: "42", `-7`: "-7", `0`: "0", `-0`: "-0", `9007199254740993`: "9007199254740993",
		`123456789012345678901234567890`: "123456789012345678901234567890",
		`"42"`:                           "42", `"\u0041"`: "A", `"a\/b"`: "a/b", `""`: "",
	} {
		if got, err := message.IDFrom(json.RawMessage(raw)); err != nil || got != want {
			t.Errorf("%s is read as %q (%v), want %q", raw, got, err, want)
		}
	}
	for _, raw := range []string{
		`1.5`, `1.0`, `1e3`, `1E3`, `-1.5e-3`, `true`, `false`, `{}`, `["a"]`, `null`, ``, `-`, `"`, `"a`, `"a"b"`, `"a\"`, "\"\xff\"",
		`"a\u0000b"`, `"a\nb"`, `"` + strings.Repeat("x", 513) + `"`, strings.Repeat("1", 513),
	} {
		if got, err := message.IDFrom(json.RawMessage(raw)); err == nil {
			t.Errorf("%.40s is read as %q", raw, got)
		} else if len(err.Error()) > 150 {
			t.Errorf("%.40s: the error has %d bytes", raw, len(err.Error()))
		}
	}
}

// Ids that are made later sort later.
func TestNewIDsAreOrdered(t *testing.T) {
	ids := make([]message.ID, 1000)
	for i := range ids {
		ids[i] = message.NewID()
		if err := ids[i].Validate(); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.IsSorted(ids) {
		t.Error("they are not")
	}
	if len(slices.Compact(ids)) != 1000 {
		t.Error("one was made twice")
	}
}

func TestDerivedIDsDiffer(t *testing.T) {
	seen := map[string]bool{string(message.GeneratedID("accounts", "1")): true}
	for n := range 300 {
		seen[message.DerivedID("accounts", n)] = true
	}
	if len(seen) != 301 {
		t.Errorf("%d ids of 301 differ", len(seen))
	}
}
