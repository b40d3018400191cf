package ring

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// ErrNoMembers refuses a ring in which nobody would have a slot. The last one
// stays: who is gone is stood in for, see [Effective], and who was not Ready
// for a moment has lost nothing.
var ErrNoMembers = errors.New("a ring needs a member: the last one stays")

// Assign returns the ring that follows on previous, with the next version, or
// previous itself if there is nothing to publish. Which ring it is depends on
// nothing but the input, and not on the order of members.
//
// The first ring of a group follows on &Ring{Slots: n}; after versions that are
// lost, on &Ring{Version: v, Slots: n}. The number of slots stays.
//
// Members are those that the ring is to name. Those that leave get no slots,
// unless all do: then slots stay where they are. The numbers of slots of the
// others differ by at most one, and no more slots move than that takes: to the
// joiner if one joins, from the leaver if one leaves.
//
// Replacements say, by the old member's id, whose slots a new one inherits. If a
// member is replaced by one that is present and does not leave, it needs neither
// to be there nor to be leaving. A replacement alone moves just the slots of the
// old member. Those that had their effect in an earlier ring do nothing.
//
// It is [ErrNoMembers] without members; other errors say what is wrong with the
// input.
func Assign(previous *Ring, members []Member, replacements map[MemberID]MemberID) (*Ring, error) {
	if err := assignable(previous, members); err != nil {
		return nil, err
	}
	next := &Ring{Version: previous.Version + 1, Slots: previous.Slots, Members: slices.Clone(members)}
	slices.SortFunc(next.Members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })

	allLeave := !slices.ContainsFunc(members, func(m Member) bool { return !m.Leaving })
	present := make(map[MemberID]int, len(members))
	for i, m := range next.Members {
		if !m.Leaving || allLeave {
			present[m.ID] = i
		}
	}
	inherits, err := heirs(present, replacements)
	if err != nil {
		return nil, fmt.Errorf("assign slots: %w", err)
	}
	for old := range inherits {
		if _, stays := present[old]; stays && allLeave {
			delete(inherits, old) // slots stay where they are
			continue
		}
		delete(present, old)
	}
	next.Assignment = inherited(previous, present, inherits)
	s := newSpread(next, present)
	if allLeave {
		s.least = MaxSlots // nobody has too many, and nobody too few
	} else {
		s.shed()
	}
	s.fill()

	if slices.Equal(next.Members, previous.Members) && slices.Equal(next.Assignment, previous.Assignment) {
		return previous, nil
	}
	return next, nil
}

// assignable says what is wrong with the input of [Assign].
func assignable(previous *Ring, members []Member) error {
	if previous == nil {
		return errors.New("assign slots: without a previous ring the number of slots is unknown")
	}
	if len(members) == 0 {
		return ErrNoMembers
	}
	if err := validateMembers(members); err != nil {
		return fmt.Errorf("assign slots: %w", err)
	}
	err := ValidateSlots(previous.Slots)
	if len(previous.Assignment) > 0 || len(previous.Members) > 0 {
		err = previous.Validate()
	}
	if err != nil {
		return fmt.Errorf("assign slots: the previous ring: %w", err)
	}
	return nil
}

// inherited is the previous assignment with the slots of members that are
// replaced given to their heirs, and those of members that are not present to
// nobody.
func inherited(previous *Ring, present, inherits map[MemberID]int) Assignment {
	became := make([]int, len(previous.Members))
	for i, m := range previous.Members {
		if at, stays := present[m.ID]; stays {
			became[i] = at
		} else if at, replaced := inherits[m.ID]; replaced {
			became[i] = at
		} else {
			became[i] = NoMember
		}
	}
	out := make(Assignment, previous.Slots)
	for s := range out {
		out[s] = NoMember
		if len(previous.Assignment) > 0 && previous.Assignment[s] != NoMember {
			out[s] = became[previous.Assignment[s]]
		}
	}
	return out
}
