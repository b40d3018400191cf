package ring_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/ring"
)

// change draws what happens to the members of a ring at once: joins, leaves,
// ends and replacements.
func change(t *rapid.T, list []ring.Member, born *int) (next []ring.Member, replace map[ring.MemberID]ring.MemberID) {
	fresh := func() ring.Member {
		*born++
		return ring.Member{ID: ring.MemberID(fmt.Sprint("m", *born)), Address: "h:1"}
	}
	replace = map[ring.MemberID]ring.MemberID{}
	for _, m := range list {
		switch rapid.IntRange(0, 9).Draw(t, string(m.ID)) {
		case 0: // is gone
			continue
		case 1:
			m.Leaving = true
		case 2: // is replaced, and gone
			by := fresh()
			replace[m.ID] = by.ID
			m = by
		case 3: // is replaced, and there for a while
			by := fresh()
			replace[m.ID] = by.ID
			m.Leaving = true
			next = append(next, by)
		}
		next = append(next, m)
	}
	for range rapid.SampledFrom([]int{0, 0, 0, 1, 1, 3}).Draw(t, "joins") {
		next = append(next, fresh())
	}
	if len(next) == 0 {
		next = append(next, fresh())
	}
	return next, replace
}

// fewest is how many slots have to move, counted from the loads alone.
func fewest(previous *ring.Ring, list []ring.Member, replace map[ring.MemberID]ring.MemberID) (moves int) {
	loads := map[ring.MemberID]int{}
	for _, m := range list {
		if _, replaced := replace[m.ID]; !m.Leaving && !replaced {
			loads[m.ID] = 0
		}
	}
	for s := range previous.Slots {
		owner := ownerOf(previous, s)
		if by, ok := replace[owner]; ok {
			moves++ // to the heir, and a second move of the same slot is none
			owner = by
		}
		if _, ok := loads[owner]; !ok {
			moves++
			continue
		}
		loads[owner]++
	}
	n, more := previous.Slots/len(loads), previous.Slots%len(loads)
	for _, load := range loads {
		if load > n && more > 0 {
			more--
			load--
		}
		moves += max(0, load-n)
	}
	return moves
}

func TestAnySequenceOfChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		born := rapid.IntRange(1, 12).Draw(t, "members")
		r := first(t, slotCounts().Draw(t, "slots"), numbered(born))
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			list, replace := change(t, r.Members, &born)
			next := assign(t, r, list, replace)
			for s, want := range reference(r, list, replace) {
				if got := ownerOf(next, s); got != want {
					t.Fatalf("slot %d has %s, the document says %s", s, got, want)
				}
			}
			if again := assign(t, r, shuffled(t, list), replace); !reflect.DeepEqual(again, next) {
				t.Fatalf("in another order %v differ", moved(next, again))
			}
			if again := assign(t, next, shuffled(t, list), replace); again != next {
				t.Fatalf("the same once more moves %v", moved(next, again))
			}
			if slices.ContainsFunc(list, func(m ring.Member) bool { return !m.Leaving }) {
				balanced(t, next)
				if got, want := len(moved(r, next)), fewest(r, list, replace); got > want {
					t.Fatalf("%d slots moved, %d had to", got, want)
				}
			}
			r = next
		}
	})
}

// What a ring is made from need not be level, as when all were leaving.
func TestFromAnyRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots, n := slotCounts().Draw(t, "slots"), rapid.IntRange(1, 6).Draw(t, "members")
		r := &ring.Ring{Version: 3, Slots: slots, Members: numbered(n)}
		r.Assignment = rapid.SliceOfN(rapid.IntRange(ring.NoMember, n-1), slots, slots).Draw(t, "assignment")
		next := assign(t, r, append(numbered(n), members("x")...), nil)
		balanced(t, next)
		unassigned := 0
		for _, m := range r.Assignment {
			if m == ring.NoMember {
				unassigned++
			}
		}
		if got, want := len(moved(r, next)), fewest(r, next.Members, nil); got != want {
			t.Fatalf("%d slots moved, %d had to (%d had nobody)", got, want, unassigned)
		}
	})
}

// With many members a slot looks at some of them, and all that was asked of few
// holds.
func TestManyMembers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	list := numbered(700)
	r := &ring.Ring{Slots: 4096}
	for step := range 6 {
		next := assign(t, r, list, nil)
		balanced(t, next)
		for s, want := range reference(r, list, nil) {
			if got := ownerOf(next, s); got != want {
				t.Fatalf("step %d: slot %d has %s, the document says %s", step, s, got, want)
			}
		}
		if step > 0 {
			if got, want := len(moved(r, next)), fewest(r, list, nil); got != want {
				t.Errorf("step %d: %d slots moved, %d had to", step, got, want)
			}
		}
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		if again := assign(t, r, list, nil); !reflect.DeepEqual(again, next) {
			t.Errorf("step %d: in another order %d slots differ", step, len(moved(next, again)))
		}
		r = next
		list = list[:len(list)*3/4]
		list = append(list, members(ring.MemberID(fmt.Sprint("x", step)), ring.MemberID(fmt.Sprint("y", step)))...)
	}
}
