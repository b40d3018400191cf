package ring_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/ring"
)

func memberIDs() *rapid.Generator[ring.MemberID] {
	return rapid.Map(rapid.StringN(1, 40, -1), func(s string) ring.MemberID { return ring.MemberID(s) })
}

func TestScoreIsXXH64(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, id := rapid.IntRange(0, ring.MaxSlots-1).Draw(t, "slot"), memberIDs().Draw(t, "id")
		in := binary.LittleEndian.AppendUint64(nil, xxhash.Sum64String(string(id))^uint64(s))
		if got, want := ring.Score(ring.Slot(s), id), xxhash.Sum64(in); got != want {
			t.Fatalf("slot %d of %q scores %x, want %x", s, id, got, want)
		}
	})
}

// Who is taken away from the order leaves the others where they were.
func TestOrderDependsOnNobodyElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfNDistinct(memberIDs(), 1, 20, rapid.ID).Draw(t, "ids")
		s := ring.Slot(rapid.IntRange(0, ring.MaxSlots-1).Draw(t, "slot"))
		order := ring.Order(s, all)
		if got := ring.Order(s, rapid.Permutation(all).Draw(t, "permutation")); !slices.Equal(got, order) {
			t.Fatalf("the order is %v, and %v", order, got)
		}
		gone := rapid.SampledFrom(all).Draw(t, "gone")
		isGone := func(id ring.MemberID) bool { return id == gone }
		rest := slices.DeleteFunc(slices.Clone(all), isGone)
		if got, want := ring.Order(s, rest), slices.DeleteFunc(slices.Clone(order), isGone); !slices.Equal(got, want) {
			t.Fatalf("without %q it is %v, want %v", gone, got, want)
		}
		for i := 1; i < len(order); i++ {
			if ring.Score(s, order[i-1]) < ring.Score(s, order[i]) {
				t.Fatalf("%v does not begin with the highest score", order)
			}
		}
	})
}

// Each member is the first of about as many slots as the others, and second
// behind each other: nobody inherits all from one that is gone.
func TestOrderSpreads(t *testing.T) {
	const slots, n = 16384, 8
	firsts, seconds := map[ring.MemberID]int{}, map[[2]ring.MemberID]int{}
	for s := range slots {
		order := ring.Order(ring.Slot(s), ids(numbered(n)))
		firsts[order[0]]++
		seconds[[2]ring.MemberID{order[0], order[1]}]++
	}
	for id, got := range firsts {
		if mean := slots / n; got < mean*9/10 || got > mean*11/10 {
			t.Errorf("%s is the first of %d slots, the mean is %d", id, got, mean)
		}
	}
	if len(seconds) != n*(n-1) {
		t.Errorf("%d pairs of first and second occur, %d are possible", len(seconds), n*(n-1))
	}
	for pair, got := range seconds {
		if mean := slots / n / (n - 1); got < mean*7/10 || got > mean*13/10 {
			t.Errorf("%v occurs %d times, the mean is %d", pair, got, mean)
		}
	}
}

func TestSuccessors(t *testing.T) {
	r := first(t, 64, numbered(6))
	r = assign(t, r, leaving(r.Members, "m2", "m5"), nil)
	for s := range r.Slots {
		want := []ring.MemberID{ownerOf(r, s)}
		rest := without(byScore(s, r.Members), want[0])
		want = append(append(want, ids(without(rest, "m2", "m5"))...), ids(byScore(s, []ring.Member{{ID: "m2"}, {ID: "m5"}}))...)
		if got := ids(r.Successors(ring.Slot(s))); !slices.Equal(got, want) {
			t.Errorf("slot %d has %v, want %v", s, got, want)
		}
	}
	if got := r.Successors(99); len(got) != 6 {
		t.Errorf("a slot that is none has %v", got)
	}
}
