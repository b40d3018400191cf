package ring

import (
	"cmp"
	"slices"
)

// maxScores bounds the scores that one assignment compares, so that the first
// ring of 1,000 members takes milliseconds too. It bounds nothing for up to 32
// members, nor where few slots move.
const maxScores = 1 << 19

// spread levels the numbers of slots of members, moving as few as possible.
type spread struct {
	assignment Assignment // of the new ring, changed in place
	members    []Member
	present    []int // the members that slots are for, ascending
	loads      []int // by member
	least      int   // how many slots each member of present is to have
	more       int   // how many of them have one more
}

func newSpread(r *Ring, present map[MemberID]int) *spread {
	s := &spread{
		assignment: r.Assignment, members: r.Members, loads: r.Assignment.Loads(len(r.Members)),
		least: r.Slots / len(present), more: r.Slots % len(present),
	}
	for _, i := range present {
		s.present = append(s.present, i)
	}
	slices.Sort(s.present)
	return s
}

// held is a slot as its member has it.
type held struct {
	member int
	slot   Slot
	score  uint64
}

// shed takes slots from members that have too many, in the order in which they
// suit them least.
//
// A member keeps at most one more than the least. If more members than may have
// that one more still do, those give another up whose next slot suits its member
// least of all.
func (s *spread) shed() {
	full := 0 // members with one more than the least, or above
	for _, m := range s.present {
		if s.loads[m] > s.least {
			full++
		}
	}
	if !slices.ContainsFunc(s.present, func(m int) bool { return s.loads[m] > s.least+1 }) && full <= s.more {
		return
	}
	var next []held // of each member with one more, the slot that it would give up
	mine := s.slotsOfFull()
	for len(mine) > 0 {
		m := mine[0].member
		n, surplus := s.loads[m], s.loads[m]-s.least-1
		for _, h := range mine[:surplus] {
			s.free(h)
		}
		next = append(next, mine[surplus])
		mine = mine[n:]
	}
	if full <= s.more {
		return
	}
	slices.SortFunc(next, leastFirst)
	for _, h := range next[:full-s.more] {
		s.free(h)
	}
}

func (s *spread) free(h held) {
	s.assignment[h.slot] = NoMember
	s.loads[h.member]--
}

// slotsOfFull are the slots of members that have more than the least, by member,
// and those of a member with the lowest score first.
func (s *spread) slotsOfFull() []held {
	keys, next := make([]uint64, len(s.members)), make([]int, len(s.members))
	size := 0
	for _, m := range s.present {
		if s.loads[m] > s.least {
			keys[m], next[m] = keyOf(s.members[m].ID), size
			size += s.loads[m]
		}
	}
	out := make([]held, size)
	for slot, m := range s.assignment {
		if m != NoMember && s.loads[m] > s.least {
			out[next[m]] = held{member: m, slot: Slot(slot), score: score(Slot(slot), keys[m])}
			next[m]++
		}
	}
	for _, m := range s.present {
		if n := s.loads[m]; n > s.least {
			slices.SortFunc(out[next[m]-n:next[m]], leastFirst)
		}
	}
	return out
}

// leastFirst orders what is given up.
func leastFirst(a, b held) int {
	if a.score != b.score {
		return cmp.Compare(a.score, b.score)
	}
	return cmp.Compare(a.slot, b.slot)
}
