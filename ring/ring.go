package ring

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxMembers is how many members a ring may have: their indexes have 16 bits in
// the form that is published, and one of them says nobody.
const MaxMembers = 1<<16 - 1

// Ring assigns the slots of a group to its members. Once published under its
// version it does not change, and is safe for concurrent use.
//
// One without members and assignment is not published: it stands for a group
// that has none yet, see [Assign].
type Ring struct {
	Version    Number
	Slots      int
	Members    []Member   // those of Assign are sorted by id
	Assignment Assignment // one for each slot
}

// Owner returns the member that should own a slot; ok is false if there is none,
// or no such slot.
func (r *Ring) Owner(s Slot) (m Member, ok bool) {
	if int(s) >= len(r.Assignment) || r.Assignment[s] == NoMember {
		return Member{}, false
	}
	return r.Members[r.Assignment[s]], true
}

// Validate reports all that is wrong with a ring, such as one that was read
// from outside; nil if nothing is.
func (r *Ring) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if err := ValidateSlots(r.Slots); err != nil {
		faults = append(faults, err)
	}
	if r.Version < 0 {
		fault("version is %d, it cannot be negative", r.Version)
	}
	if err := validateMembers(r.Members); err != nil {
		faults = append(faults, err)
	}
	if len(r.Assignment) != r.Slots {
		fault("%d of %d slots are assigned", len(r.Assignment), r.Slots)
	}
	for s, m := range r.Assignment {
		if m < NoMember || m >= len(r.Members) {
			fault("slot %d is assigned to member %d of %d", s, m, len(r.Members))
			break // the others have the same fault, as a rule
		}
	}
	return errors.Join(faults...)
}

// validateMembers reports why members are not the members of one ring, or nil.
func validateMembers(members []Member) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(members) > MaxMembers {
		fault("%d members, a ring has at most %d", len(members), MaxMembers)
	}
	ids, pods := make(map[MemberID]bool, len(members)), make(map[string]MemberID)
	for i, m := range members {
		switch {
		case m.ID == "":
			fault("member %d has no id", i)
		case !utf8.ValidString(string(m.ID)):
			fault("the id of member %d, %q, is not UTF-8", i, m.ID)
		case ids[m.ID]:
			fault("member %q stands in the ring twice", m.ID)
		}
		ids[m.ID] = true
		if m.PodUID == "" {
			continue
		}
		if other, taken := pods[m.PodUID]; taken {
			fault("members %q and %q have the same pod uid %s", other, m.ID, m.PodUID)
		}
		pods[m.PodUID] = m.ID
	}
	return errors.Join(faults...)
}
