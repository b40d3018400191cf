package ring_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/ring"
)

func TestAJoinMovesOnlySlotsToTheJoiner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots, n := slotCounts().Draw(t, "slots"), rapid.IntRange(1, 80).Draw(t, "members")
		before := first(t, slots, numbered(n))
		after := assign(t, before, append(numbered(n), members("joiner")...), nil)
		balanced(t, after)
		for _, m := range moved(before, after) {
			if m.to != "joiner" {
				t.Fatalf("%+v", m)
			}
		}
	})
}

func TestALeaveMovesOnlyTheLeaversSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots, n := slotCounts().Draw(t, "slots"), rapid.IntRange(2, 80).Draw(t, "members")
		before := first(t, slots, numbered(n))
		for name, after := range map[string]*ring.Ring{
			"leaves": assign(t, before, leaving(before.Members, "m1"), nil),
			"gone":   assign(t, before, without(before.Members, "m1"), nil),
		} {
			balanced(t, after)
			for _, m := range moved(before, after) {
				if m.from != "m1" {
					t.Fatalf("%s: %+v", name, m)
				}
			}
			if loads := loadsOf(after); loads["m1"] != 0 {
				t.Fatalf("%s: m1 has %d slots", name, loads["m1"])
			}
		}
	})
}

// A member that leaves has no slots from then on, and nothing moves when it is
// gone at last.
func TestTheEndOfALeaverMovesNothing(t *testing.T) {
	before := first(t, 256, numbered(5))
	left := assign(t, before, leaving(before.Members, "m3"), nil)
	gone := assign(t, left, without(left.Members, "m3"), nil)
	if got := moved(left, gone); len(got) > 0 || gone.Version != left.Version+1 {
		t.Errorf("version %d moved %v", gone.Version, got)
	}
}

func TestAReplacementInheritsExactlyTheSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots, n := slotCounts().Draw(t, "slots"), rapid.IntRange(1, 80).Draw(t, "members")
		before := first(t, slots, numbered(n))
		old := rapid.SampledFrom(ids(before.Members)).Draw(t, "old")
		replace := map[ring.MemberID]ring.MemberID{old: "new"}
		joined := append(before.Members[:n:n], members("new")...)
		for name, list := range map[string][]ring.Member{
			"gone": without(joined, old), "leaves": leaving(joined, old), "stays": joined,
		} {
			after := assign(t, before, list, replace)
			for s := range slots {
				want := ownerOf(before, s)
				if want == old {
					want = "new"
				}
				if got := ownerOf(after, s); got != want {
					t.Fatalf("%s: slot %d went to %s, want %s", name, s, got, want)
				}
			}
		}
	})
}

// All members of a rolling update are replaced, one after the other, or several
// at once: each slot moves once.
func TestARollingReplacementMovesEachSlotOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots, n := slotCounts().Draw(t, "slots"), rapid.IntRange(1, 40).Draw(t, "members")
		r := first(t, slots, numbered(n))
		loads := slices.Sorted(maps.Values(loadsOf(r)))
		moves, replace := make([]int, slots), map[ring.MemberID]ring.MemberID{}
		for old := 1; old <= n; {
			list := slices.Clone(r.Members)
			for end := min(n, old+rapid.IntRange(0, 3).Draw(t, "more")); old <= end; old++ {
				from, to := ring.MemberID(fmt.Sprint("m", old)), ring.MemberID(fmt.Sprint("n", old))
				replace[from] = to // those that had their effect stay in
				list = append(without(list, from), members(to)...)
			}
			next := assign(t, r, shuffled(t, list), replace)
			for _, m := range moved(r, next) {
				moves[m.slot]++
			}
			if got := slices.Sorted(maps.Values(loadsOf(next))); !slices.Equal(got, loads) {
				t.Fatalf("loads were %v and became %v", loads, got)
			}
			r = next
		}
		for s, got := range moves {
			if got != 1 {
				t.Fatalf("slot %d moved %d times", s, got)
			}
		}
	})
}

func TestReplacementsThatCountForNothing(t *testing.T) {
	before := first(t, 64, numbered(4))
	for name, replace := range map[string]map[ring.MemberID]ring.MemberID{
		"of nobody":            {"x": "m1"},
		"by nobody":            {"m2": "x"},
		"by one that leaves":   {"m2": "m4"},
		"of one that is gone":  {"m0": "m1", "m9": "m0"},
		"that had its effect":  {"m0": "m1"},
		"by one that is due":   {"m2": "x", "x": "y"},
		"behind one that left": {"m4": "x"},
	} {
		want := assign(t, before, leaving(before.Members, "m4"), nil)
		if got := assign(t, before, leaving(before.Members, "m4"), replace); !reflect.DeepEqual(got, want) {
			t.Errorf("a replacement %s moved %v", name, moved(want, got))
		}
	}
}

// A replacement that died before it was in a ring has been replaced itself.
func TestAReplacementIsReplaced(t *testing.T) {
	before := first(t, 64, numbered(3))
	after := assign(t, before, append(without(before.Members, "m2"), members("c")...), map[ring.MemberID]ring.MemberID{"m2": "b", "b": "c"})
	if got, want := loadsOf(after)["c"], loadsOf(before)["m2"]; got != want || len(moved(before, after)) != want {
		t.Errorf("c has %d slots of %d, %v moved", got, want, moved(before, after))
	}
}

// One that has been replaced before it had a slot inherits nothing, even if it
// is there still.
func TestTheLastReplacementInherits(t *testing.T) {
	before := first(t, 64, numbered(3))
	replace := map[ring.MemberID]ring.MemberID{"m2": "b", "b": "c"}
	after := assign(t, before, append(without(before.Members, "m2"), members("b", "c")...), replace)
	if loads := loadsOf(after); loads["c"] != loadsOf(before)["m2"] || loads["b"] != 0 || len(moved(before, after)) != loads["c"] {
		t.Errorf("loads are %v, they were %v", loads, loadsOf(before))
	}
}

func TestReplacementsInACircle(t *testing.T) {
	before := first(t, 64, numbered(3))
	for _, replace := range []map[ring.MemberID]ring.MemberID{{"m1": "m1"}, {"m1": "m2", "m2": "m1"}, {"x": "m1", "m1": "m2", "m2": "m1"}} {
		if r, err := ring.Assign(before, before.Members, replace); err == nil || !strings.Contains(err.Error(), "in a circle") {
			t.Errorf("%v made %v (%v)", replace, r, err)
		}
	}
}

func TestNoMembersMakeNoRing(t *testing.T) {
	for _, previous := range []*ring.Ring{{Slots: 8}, first(t, 8, numbered(2))} {
		if r, err := ring.Assign(previous, nil, nil); !errors.Is(err, ring.ErrNoMembers) || r != nil {
			t.Errorf("got %v (%v)", r, err)
		}
	}
}

func TestInputThatIsNone(t *testing.T) {
	for want, in := range map[string]struct {
		previous *ring.Ring
		members  []ring.Member
	}{
		"number of slots is unknown":    {nil, numbered(1)},
		"slots is 3":                    {&ring.Ring{Slots: 3}, numbered(1)},
		"3 of 4 slots are assigned":     {&ring.Ring{Slots: 4, Members: numbered(1), Assignment: ring.Assignment{0, 0, 0}}, numbered(1)},
		"assigned to member 1 of 1":     {&ring.Ring{Slots: 1, Members: numbered(1), Assignment: ring.Assignment{1}}, numbered(1)},
		`"m1" stands in the ring twice`: {&ring.Ring{Slots: 4}, members("m1", "m1")},
		"member 0 has no id":            {&ring.Ring{Slots: 4}, members("")},
		"have the same pod uid u":       {&ring.Ring{Slots: 4}, []ring.Member{{ID: "a", PodUID: "u"}, {ID: "b", PodUID: "u"}}},
	} {
		if r, err := ring.Assign(in.previous, in.members, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v (%v), want %q", r, err, want)
		}
	}
}

func TestNothingToPublish(t *testing.T) {
	r := first(t, 64, numbered(5))
	list := slices.Clone(r.Members)
	slices.Reverse(list)
	if again := assign(t, r, list, map[ring.MemberID]ring.MemberID{"m0": "m1"}); again != r {
		t.Errorf("ring %d follows on %d, nothing has changed", again.Version, r.Version)
	}
	list[0].Address = "elsewhere:7400"
	again := assign(t, r, list, nil)
	if again.Version != r.Version+1 || len(moved(r, again)) > 0 {
		t.Errorf("a new address made ring %d and moved %v", again.Version, moved(r, again))
	}
	if m, _ := again.Owner(0); m.ID == list[0].ID && m.Address != list[0].Address {
		t.Errorf("the old address stays: %+v", m)
	}
}

func TestTheFirstRing(t *testing.T) {
	r := first(t, 16, numbered(3))
	if r.Version != 1 {
		t.Errorf("it is ring %d", r.Version)
	}
	if later := assign(t, &ring.Ring{Version: 41, Slots: 16}, numbered(3), nil); later.Version != 42 || len(moved(r, later)) > 0 {
		t.Errorf("behind 41 follows %d, which differs in %v", later.Version, moved(r, later))
	}
}

func TestAllLeave(t *testing.T) {
	r := first(t, 64, numbered(3))
	r = assign(t, r, leaving(r.Members, "m1"), nil)
	all := assign(t, r, leaving(r.Members, "m1", "m2", "m3"), map[ring.MemberID]ring.MemberID{"m2": "m1"})
	if got := moved(r, all); len(got) > 0 {
		t.Errorf("when all leave %v move", got)
	}
	two := assign(t, all, without(all.Members, "m3"), nil)
	for _, m := range moved(all, two) {
		if want := ring.Order(ring.Slot(m.slot), []ring.MemberID{"m1", "m2"})[0]; m.from != "m3" || m.to != want {
			t.Errorf("%+v, want %s", m, want)
		}
	}
	back := assign(t, two, append(two.Members[:2:2], members("m4", "m5")...), nil)
	balanced(t, back)
	if got := first(t, 64, leaving(numbered(2), "m1", "m2")); !slices.Equal(got.Assignment.Loads(2), loadsOfOrder(64, numbered(2))) {
		t.Errorf("a first ring of members that leave has loads %v", got.Assignment.Loads(2))
	}
}

// loadsOfOrder counts of how many slots each member is the first.
func loadsOfOrder(slots int, list []ring.Member) []int {
	out := make([]int, len(list))
	for s := range slots {
		best := byScore(s, list)[0].ID
		out[slices.IndexFunc(list, func(m ring.Member) bool { return m.ID == best })]++
	}
	return out
}
