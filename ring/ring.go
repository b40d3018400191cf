package ring

import (
	"errors"
	"fmt"
)

// MemberID identifies one shard process for one life; a start gets a new one.
type MemberID string

// Member is a shard process that slots can be assigned to.
type Member struct {
	ID      MemberID `json:"id"`
	Address string   `json:"address"` // where it serves gRPC, as host:port
}

// Ring assigns the slots of a group to its members. Once published under its
// version it does not change, and is safe for concurrent use.
type Ring struct {
	Version    Number
	Slots      int
	Members    []Member
	Assignment Assignment // one for each slot
}

// NewEven returns a ring that is spread evenly; see [Even]. An error says why
// slots cannot be a number of slots, or members not members of one ring.
func NewEven(version Number, slots int, members []Member) (*Ring, error) {
	if err := ValidateSlots(slots); err != nil {
		return nil, err
	}
	r := &Ring{Version: version, Slots: slots, Members: members, Assignment: Even(slots, len(members))}
	return r, r.Validate()
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
	seen := map[MemberID]bool{}
	for i, m := range r.Members {
		switch {
		case m.ID == "":
			fault("member %d has no id", i)
		case seen[m.ID]:
			fault("member %q stands in the ring twice", m.ID)
		}
		seen[m.ID] = true
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
