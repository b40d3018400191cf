package ring

import (
	"cmp"
	"slices"
)

// place is a member that slots are for, where its key stands among all numbers.
type place struct {
	key    uint64
	member int
}

// fill gives the slots that nobody has, in ascending order, each to the member
// with room for it that is first in the slot's rendezvous order. Room has who
// has fewer slots than the least, and until all that are to have one more do,
// who has just that.
//
// So that no more than maxScores are compared, a slot looks only at as many of
// the members with room as that allows: those whose keys follow on the slot's own
// number (XXH64 of it, as of a member with the key 0), behind the last the first.
func (s *spread) fill() {
	free := 0
	for _, m := range s.assignment {
		if m == NoMember {
			free++
		}
	}
	if free == 0 {
		return
	}
	more := s.more
	for _, m := range s.present {
		if s.loads[m] > s.least {
			more--
		}
	}
	noRoom := func(p place) bool {
		return s.loads[p.member] > s.least || s.loads[p.member] == s.least && more == 0
	}
	places, width := slices.DeleteFunc(s.places(), noRoom), maxScores/free
	for slot, m := range s.assignment {
		if m != NoMember {
			continue
		}
		at := first(Slot(slot), places, width)
		m = places[at].member
		s.assignment[slot], s.loads[m] = m, s.loads[m]+1
		if s.loads[m] > s.least {
			if more--; more == 0 { // this closes all that have the least
				places = slices.DeleteFunc(places, noRoom)
				continue
			}
		}
		if noRoom(places[at]) {
			places = slices.Delete(places, at, at+1)
		}
	}
}

// places returns the members that slots are for by their keys, and equal keys by
// their ids.
func (s *spread) places() []place {
	out := make([]place, len(s.present))
	for i, m := range s.present {
		out[i] = place{key: keyOf(s.members[m].ID), member: m}
	}
	slices.SortFunc(out, func(a, b place) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.member, b.member)) })
	return out
}

// first returns which of the places that a slot looks at is the first in its
// rendezvous order.
func first(slot Slot, places []place, width int) int {
	if len(places) <= width {
		at, _ := highest(slot, places)
		return at
	}
	own := score(slot, 0)
	begin, _ := slices.BinarySearchFunc(places, own, func(p place, own uint64) int { return cmp.Compare(p.key, own) })
	end := min(begin+width, len(places))
	around := places[:begin+width-end]
	if begin == end { // behind the last
		at, _ := highest(slot, around)
		return at
	}
	at, best := highest(slot, places[begin:end])
	at += begin
	if len(around) > 0 {
		if i, v := highest(slot, around); v > best {
			return i
		}
	}
	return at
}

// highest returns which of some places has the highest score, and of equal ones
// the first: scores of a slot are equal where keys are, and those are arranged by
// their members.
func highest(slot Slot, places []place) (at int, best uint64) {
	for i := range places {
		if v := score(slot, places[i].key); v > best || i == 0 {
			at, best = i, v
		}
	}
	return at, best
}
