package ring_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/ring"
)

// failer is what a *testing.T and a *rapid.T have in common.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func members(ids ...ring.MemberID) []ring.Member {
	out := make([]ring.Member, len(ids))
	for i, id := range ids {
		out[i] = ring.Member{ID: id, Address: string(id) + ":7400"}
	}
	return out
}

func numbered(n int) []ring.Member {
	ids := make([]ring.MemberID, n)
	for i := range ids {
		ids[i] = ring.MemberID(fmt.Sprintf("m%d", i+1))
	}
	return members(ids...)
}

func leaving(members []ring.Member, ids ...ring.MemberID) []ring.Member {
	out := slices.Clone(members)
	for i := range out {
		out[i].Leaving = out[i].Leaving || slices.Contains(ids, out[i].ID)
	}
	return out
}

func without(members []ring.Member, ids ...ring.MemberID) []ring.Member {
	return slices.DeleteFunc(slices.Clone(members), func(m ring.Member) bool { return slices.Contains(ids, m.ID) })
}

func assign(t failer, previous *ring.Ring, members []ring.Member, replacements map[ring.MemberID]ring.MemberID) *ring.Ring {
	t.Helper()
	r, err := ring.Assign(previous, members, replacements)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Validate(); err != nil {
		t.Fatalf("no ring was made: %v", err)
	}
	return r
}

func first(t failer, slots int, members []ring.Member) *ring.Ring {
	t.Helper()
	return assign(t, &ring.Ring{Slots: slots}, members, nil)
}

// ownerOf is the id of a slot's member, empty if it has none.
func ownerOf(r *ring.Ring, s int) ring.MemberID {
	m, _ := r.Owner(ring.Slot(s))
	return m.ID
}

// moved lists the slots that have another member, and from and to whom.
func moved(from, to *ring.Ring) (out []move) {
	for s := range to.Slots {
		if a, b := ownerOf(from, s), ownerOf(to, s); a != b {
			out = append(out, move{slot: s, from: a, to: b})
		}
	}
	return out
}

type move struct {
	slot     int
	from, to ring.MemberID
}

// loadsOf are the numbers of slots of the members that do not leave.
func loadsOf(r *ring.Ring) map[ring.MemberID]int {
	out := map[ring.MemberID]int{}
	for i, n := range r.Assignment.Loads(len(r.Members)) {
		if m := r.Members[i]; !m.Leaving {
			out[m.ID] = n
		}
	}
	return out
}

// balanced fails unless every slot is with a member that stays, and loads differ
// by at most one.
func balanced(t failer, r *ring.Ring) {
	t.Helper()
	least, most, total := r.Slots, 0, 0
	for _, n := range loadsOf(r) {
		least, most, total = min(least, n), max(most, n), total+n
	}
	if most-least > 1 || total != r.Slots {
		t.Fatalf("loads are from %d to %d and together %d of %d slots: %v", least, most, total, r.Slots, loadsOf(r))
	}
}

func shuffled(t *rapid.T, in []ring.Member) []ring.Member {
	return rapid.Permutation(in).Draw(t, "order")
}

func slotCounts() *rapid.Generator[int] {
	return rapid.Map(rapid.IntRange(0, 10), func(n int) int { return 1 << n })
}

// byScore is the rendezvous order of a slot, written down once more.
func byScore(s int, members []ring.Member) []ring.Member {
	out := slices.Clone(members)
	slices.SortFunc(out, func(a, b ring.Member) int {
		return cmp.Or(cmp.Compare(ring.Score(ring.Slot(s), b.ID), ring.Score(ring.Slot(s), a.ID)), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func ids(members []ring.Member) []ring.MemberID {
	out := make([]ring.MemberID, len(members))
	for i, m := range members {
		out[i] = m.ID
	}
	return out
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}
