package ring_test

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

func slotCounts() *rapid.Generator[int] {
	return rapid.Map(rapid.IntRange(0, 14), func(n int) int { return 1 << n })
}

func TestLoadsDifferByAtMostOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots, members := slotCounts().Draw(t, "slots"), rapid.IntRange(1, 300).Draw(t, "members")
		loads := ring.Even(slots, members).Loads(members)
		if least, most := slices.Min(loads), slices.Max(loads); most-least > 1 {
			t.Fatalf("%d slots, %d members: loads from %d to %d", slots, members, least, most)
		}
		if total := sum(loads); total != slots {
			t.Fatalf("%d of %d slots are assigned", total, slots)
		}
	})
}

func TestEvenIsCompact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots, members := slotCounts().Draw(t, "slots"), rapid.IntRange(1, 300).Draw(t, "members")
		if n := len(ring.Even(slots, members).Runs()); n > members {
			t.Fatalf("%d slots, %d members: %d runs", slots, members, n)
		}
	})
}

func TestNobodyToAssignTo(t *testing.T) {
	for _, m := range ring.Even(4, 0) {
		if m != ring.NoMember {
			t.Errorf("assigned to %d, there is nobody", m)
		}
	}
}

func TestRunsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := slotCounts().Draw(t, "slots")
		a := ring.Assignment(rapid.SliceOfN(rapid.IntRange(ring.NoMember, 3), slots, slots).Draw(t, "assignment"))
		back, err := ring.FromRuns(slots, a.Runs())
		if err != nil || !reflect.DeepEqual(a, back) {
			t.Fatalf("%v came back as %v (%v)", a, back, err)
		}
	})
}

func TestRunsThatAreNone(t *testing.T) {
	for name, runs := range map[string][]ring.Run{
		"none":     nil,
		"short":    {{First: 0, Count: 3}},
		"long":     {{First: 0, Count: 5}},
		"gap":      {{First: 0, Count: 1}, {First: 2, Count: 2}},
		"overlap":  {{First: 0, Count: 2}, {First: 1, Count: 3}},
		"empty":    {{First: 0, Count: 0}, {First: 0, Count: 4}},
		"negative": {{First: 0, Count: -1}, {First: 0, Count: 4}},
		"beyond":   {{First: 0, Count: 4}, {First: 4, Count: 1}},
	} {
		if a, err := ring.FromRuns(4, runs); err == nil {
			t.Errorf("%s: accepted as %v", name, a)
		}
	}
	if _, err := ring.FromRuns(3, []ring.Run{{Count: 3}}); err == nil {
		t.Error("three slots are accepted")
	}
}

// Doubling the slots splits slot s into 2s and 2s+1.
func TestSlotsSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := message.Stream("accounts-" + rapid.String().Draw(t, "id"))
		slots := rapid.Map(rapid.IntRange(0, 13), func(n int) int { return 1 << n }).Draw(t, "slots")
		if s, half := ring.SlotOf(stream, slots), ring.SlotOf(stream, 2*slots); half/2 != s || int(half) >= 2*slots {
			t.Fatalf("slot %d of %d became %d of %d", s, slots, half, 2*slots)
		}
	})
}

func TestValidateSlots(t *testing.T) {
	for n, valid := range map[int]bool{
		-1: false, 0: false, 1: true, 2: true, 3: false, 256: true, 1000: false, 16384: true, 32768: false,
	} {
		if err := ring.ValidateSlots(n); (err == nil) != valid {
			t.Errorf("%d slots: %v", n, err)
		}
	}
}

func sum(loads []int) (total int) {
	for _, n := range loads {
		total += n
	}
	return total
}
