package ring

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// body is the JSON of a ring. The assignment is base64 of two bytes a slot, the
// higher first: the index of its member, nobody if both are ff. A rendezvous
// assignment has hardly any runs to code, and 16,384 slots are 43,692 characters.
type body struct {
	Version    Number   `json:"version"`
	Slots      int      `json:"slots"`
	Members    []Member `json:"members"`
	Assignment string   `json:"assignment"`
}

// nobody is NoMember in 16 bits.
const nobody = MaxMembers

var assignmentCoding = base64.StdEncoding.Strict()

// MarshalJSON writes the form that docs/ring.md describes. The same ring is
// always written as the same bytes.
func (r Ring) MarshalJSON() ([]byte, error) {
	if len(r.Members) > MaxMembers {
		return nil, fmt.Errorf("write ring: %d members, a ring has at most %d", len(r.Members), MaxMembers)
	}
	indexes := make([]byte, 0, 2*len(r.Assignment))
	for _, m := range r.Assignment {
		if m == NoMember {
			m = nobody
		}
		indexes = binary.BigEndian.AppendUint16(indexes, uint16(m))
	}
	out := body{Version: r.Version, Slots: r.Slots, Members: r.Members, Assignment: assignmentCoding.EncodeToString(indexes)}
	if out.Members == nil {
		out.Members = []Member{}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote, and refuses what is not a ring.
func (r *Ring) UnmarshalJSON(b []byte) error {
	var in body
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("read ring: %w", err)
	}
	assignment, err := readAssignment(in.Slots, in.Assignment)
	if err != nil {
		return fmt.Errorf("read ring: %w", err)
	}
	out := Ring{Version: in.Version, Slots: in.Slots, Members: in.Members, Assignment: assignment}
	if err := out.Validate(); err != nil {
		return fmt.Errorf("read ring: %w", err)
	}
	*r = out
	return nil
}

func readAssignment(slots int, text string) (Assignment, error) {
	if err := ValidateSlots(slots); err != nil {
		return nil, err
	}
	if want := assignmentCoding.EncodedLen(2 * slots); len(text) != want {
		return nil, fmt.Errorf("the assignment of %d slots has %d characters instead of %d", slots, len(text), want)
	}
	indexes, err := assignmentCoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("read the assignment: %w", err)
	}
	if len(indexes) != 2*slots { // line breaks count for nothing in base64
		return nil, fmt.Errorf("the assignment of %d slots has %d bytes instead of %d", slots, len(indexes), 2*slots)
	}
	a := make(Assignment, slots)
	for s := range a {
		a[s] = int(binary.BigEndian.Uint16(indexes[2*s:]))
		if a[s] == nobody {
			a[s] = NoMember
		}
	}
	return a, nil
}
