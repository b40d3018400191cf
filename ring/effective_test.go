package ring_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/ring"
)

// rows are the rows of processes that are members of themselves.
func rows(list []ring.Member) []ring.Live {
	out := make([]ring.Live, len(list))
	for i, m := range list {
		out[i] = ring.Live{ID: m.ID, PodUID: m.PodUID}
	}
	return out
}

func leavingRows(live []ring.Live, ids ...ring.MemberID) []ring.Live {
	out := slices.Clone(live)
	for i := range out {
		out[i].Leaving = slices.Contains(ids, out[i].ID)
	}
	return out
}

// inOrder is the first of ids in a slot's rendezvous order.
func inOrder(s int, ids ...ring.MemberID) ring.MemberID { return ring.Order(ring.Slot(s), ids)[0] }

// expect checks who is to own each slot, asked for one and for all.
func expect(t *testing.T, what string, r *ring.Ring, slots int, live []ring.Live, want func(s int) ring.MemberID) {
	t.Helper()
	owners := ring.Owners(r, slots, live)
	for s := range slots {
		if owners[s] != want(s) {
			t.Errorf("%s: slot %d is to be with %q, want %q", what, s, owners[s], want(s))
		}
		if one, ok := ring.Effective(r, ring.Slot(s), live); one != owners[s] || ok != (one != "") {
			t.Errorf("%s: slot %d is to be with %q (%t), among all with %q", what, s, one, ok, owners[s])
		}
	}
}

func TestTheRingsMemberOwnsIfItLives(t *testing.T) {
	r := first(t, 64, numbered(4))
	expect(t, "all live", r, 64, rows(r.Members), func(s int) ring.MemberID { return ownerOf(r, s) })
	more := append(rows(r.Members), ring.Live{ID: "m9"})
	expect(t, "a row besides", r, 64, more, func(s int) ring.MemberID { return ownerOf(r, s) })
}

// No row is as good as deposed. Taken for alive, m2 would be the owner of slots
// that nobody ever acquires. (H22, absent rows)
func TestWithoutARowAMemberIsStoodInForByTheOrder(t *testing.T) {
	r := first(t, 64, numbered(4))
	live := rows(without(r.Members, "m2"))
	live = append(live, ring.Live{ID: "m9"}) // not in the ring: not while one of it lives
	expect(t, "m2 is gone", r, 64, live, func(s int) ring.MemberID {
		if owner := ownerOf(r, s); owner != "m2" {
			return owner
		}
		return inOrder(s, "m1", "m3", "m4")
	})
}

func TestAMemberThatLeavesIsStoodInFor(t *testing.T) {
	level := first(t, 64, numbered(4))
	marked := *level // as a ring in which its leaving moved nothing yet
	marked.Members = leaving(level.Members, "m2")
	standIn := func(s int) ring.MemberID {
		if owner := ownerOf(level, s); owner != "m2" {
			return owner
		}
		return inOrder(s, "m1", "m3", "m4")
	}
	expect(t, "its row leaves", level, 64, leavingRows(rows(level.Members), "m2"), standIn)
	expect(t, "its entry leaves", &marked, 64, rows(level.Members), standIn)
}

func TestOthersOwnIfNobodyOfTheRingStays(t *testing.T) {
	r := first(t, 64, numbered(3))
	live := append(leavingRows(rows(numbered(2)), "m1", "m2"), ring.Live{ID: "x"}, ring.Live{ID: "y"}, ring.Live{ID: "z", Leaving: true})
	expect(t, "two besides", r, 64, live, func(s int) ring.MemberID { return inOrder(s, "x", "y") })
}

// All leave: the first that lives, those of the ring before others.
func TestIfAllLeaveTheFirstOwns(t *testing.T) {
	r := first(t, 64, numbered(3))
	live := leavingRows(rows(numbered(2)), "m1", "m2")
	live = append(live, ring.Live{ID: "x", Leaving: true})
	expect(t, "all leave", r, 64, live, func(s int) ring.MemberID { return inOrder(s, "m1", "m2") })
	expect(t, "not in the ring", r, 64, []ring.Live{{ID: "x", Leaving: true}, {ID: "y", Leaving: true}}, func(s int) ring.MemberID { return inOrder(s, "x", "y") })
}

// The last to leave is its own successor: it keeps its slots. Were nobody the
// owner, or somebody gone, it would release and acquire them for ever. (H22)
func TestTheLastToLeaveKeepsItsSlots(t *testing.T) {
	r := first(t, 64, numbered(3))
	mine := func(int) ring.MemberID { return "m2" }
	expect(t, "alone", r, 64, []ring.Live{{ID: "m2", Leaving: true}}, mine)
	marked := assign(t, r, leaving(members("m2"), "m2"), nil)
	expect(t, "alone in the ring", marked, 64, []ring.Live{{ID: "m2", Leaving: true}}, mine)
	expect(t, "without a ring", nil, 64, []ring.Live{{ID: "m2", Leaving: true}}, mine)
}

func TestNobodyLives(t *testing.T) {
	nobody := func(int) ring.MemberID { return "" }
	expect(t, "a ring", first(t, 8, numbered(2)), 8, nil, nobody)
	expect(t, "no ring", nil, 8, nil, nobody)
}

func TestWithoutARing(t *testing.T) {
	live := leavingRows(rows(numbered(3)), "m2")
	order := func(s int) ring.MemberID { return inOrder(s, "m1", "m3") }
	expect(t, "none", nil, 64, live, order)
	if got, want := ring.Owners(first(t, 32, numbered(1)), 64, live), ring.Owners(nil, 64, live); !slices.Equal(got, want) {
		t.Errorf("with the ring of another number of slots they are %v, want %v", got, want)
	}
	unassigned := &ring.Ring{Version: 1, Slots: 64, Members: numbered(2), Assignment: slices.Repeat(ring.Assignment{ring.NoMember}, 64)}
	expect(t, "nobody in the ring", unassigned, 64, live, func(int) ring.MemberID { return "m1" }) // m2 leaves, m3 is not in it
}

// A ring's entry with a pod uid is the newest process in that pod, under its own
// id; its place in the order is that of the entry.
func TestAPodsProcessIsTheNewestRow(t *testing.T) {
	pods := []ring.Member{{ID: "p1", PodUID: "u1"}, {ID: "p2", PodUID: "u2"}, {ID: "p3", PodUID: "u3"}}
	r := first(t, 64, pods)
	live := []ring.Live{
		{ID: "a", PodUID: "u1"}, {ID: "b", PodUID: "u2"}, {ID: "c", PodUID: "u3"},
		{ID: "a2", PodUID: "u1"}, {ID: "a3", PodUID: "u1"},
	}
	process := map[ring.MemberID]ring.MemberID{"p1": "a3", "p2": "b", "p3": "c"}
	expect(t, "the newest", r, 64, live, func(s int) ring.MemberID { return process[ownerOf(r, s)] })

	live[1].Leaving = true
	expect(t, "b leaves", r, 64, live, func(s int) ring.MemberID {
		if owner := ownerOf(r, s); owner != "p2" {
			return process[owner]
		}
		return process[inOrder(s, "p1", "p3")]
	})
	// The newest of p1 leaves: what lived before it in the pod does not stand in for it.
	live[4].Leaving, live[1].Leaving, live[2].Leaving = true, true, true
	expect(t, "all leave", r, 64, live, func(s int) ring.MemberID { return process[inOrder(s, "p1", "p2", "p3")] })
}

// An empty uid matches nothing, and an entry with a uid no id.
func TestAnEmptyUIDMatchesNothing(t *testing.T) {
	r := first(t, 16, []ring.Member{{ID: "a", PodUID: "u1"}, {ID: "b"}})
	live := []ring.Live{{ID: "a"}, {ID: "c"}, {ID: "b", PodUID: "u9"}}
	expect(t, "only b is in the ring", r, 16, live, func(int) ring.MemberID { return "b" })
	expect(t, "nobody is", r, 16, live[:2], func(s int) ring.MemberID { return inOrder(s, "a", "c") })
}

// Whoever has the same rows finds the same owner, in any order of the rows of
// different pods; and an owner lives.
func TestEffectiveIsTheSameEverywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "members")
		r := first(t, 16, numbered(n))
		var live []ring.Live
		for _, m := range numbered(n + 3) {
			if rapid.Bool().Draw(t, "lives") {
				live = append(live, ring.Live{ID: m.ID, Leaving: rapid.Bool().Draw(t, "leaves")})
			}
		}
		owners := ring.Owners(r, 16, live)
		if again := ring.Owners(r, 16, rapid.Permutation(live).Draw(t, "order")); !slices.Equal(owners, again) {
			t.Fatalf("owners are %v, and %v", owners, again)
		}
		stays := func(m ring.Live) bool { return !m.Leaving }
		for s, owner := range owners {
			at := slices.IndexFunc(live, func(m ring.Live) bool { return m.ID == owner })
			switch {
			case at < 0 && len(live) > 0:
				t.Fatalf("slot %d is to be with %q, who is not there", s, owner)
			case at >= 0 && live[at].Leaving && slices.ContainsFunc(live, stays):
				t.Fatalf("slot %d is to be with %s, who leaves while another stays", s, owner)
			}
		}
	})
}

// Most of a dead member's slots stay with who stood in for it when the ring
// follows: the order that Assign looks for room in is the same.
func TestWhoStoodInKeepsMostSlots(t *testing.T) {
	r := first(t, 1024, numbered(5))
	rest := without(r.Members, "m3")
	stoodIn, next := ring.Owners(r, 1024, rows(rest)), assign(t, r, rest, nil)
	kept, all := 0, 0
	for s := range 1024 {
		if ownerOf(r, s) == "m3" {
			all++
			if stoodIn[s] == ownerOf(next, s) {
				kept++
			}
		}
	}
	if kept < all*7/10 {
		t.Errorf("%d of %d slots stay", kept, all)
	}
}
