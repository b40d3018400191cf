package ring

import "fmt"

// NoMember stands in an [Assignment] for a slot that nobody should own.
const NoMember = -1

// Assignment says for each slot which member should own it, as an index into
// the members of its ring.
type Assignment []int

// Even assigns slots to members so that the numbers of slots of any two
// members differ by at most one. Each member gets neighbouring slots. It knows
// nothing of an earlier assignment: a change of members moves more slots than
// it has to. Without members every slot has NoMember.
func Even(slots, members int) Assignment {
	a := make(Assignment, slots)
	for s := range a {
		a[s] = NoMember
		if members > 0 {
			a[s] = s * members / slots
		}
	}
	return a
}

// Loads counts the slots of each of a number of members.
func (a Assignment) Loads(members int) []int {
	loads := make([]int, members)
	for _, m := range a {
		if m != NoMember {
			loads[m]++
		}
	}
	return loads
}

// Run is a run of neighbouring slots with the same member.
type Run struct {
	First  Slot
	Count  int // at least 1
	Member int // NoMember: nobody
}

// Runs returns the assignment run-length coded: ascending, and together
// covering every slot once.
func (a Assignment) Runs() []Run {
	var runs []Run
	for s, m := range a {
		if n := len(runs); n > 0 && runs[n-1].Member == m {
			runs[n-1].Count++
			continue
		}
		runs = append(runs, Run{First: Slot(s), Count: 1, Member: m})
	}
	return runs
}

// FromRuns returns the assignment of a number of slots that runs describe, or
// says why they describe none. Whether the members exist is not its question.
func FromRuns(slots int, runs []Run) (Assignment, error) {
	if err := ValidateSlots(slots); err != nil {
		return nil, err
	}
	a := make(Assignment, 0, slots)
	for i, r := range runs {
		switch {
		case int(r.First) != len(a):
			return nil, fmt.Errorf("run %d begins at slot %d instead of %d", i, r.First, len(a))
		case r.Count < 1 || r.Count > slots-len(a):
			return nil, fmt.Errorf("run %d has %d slots, 1 to %d are left", i, r.Count, slots-len(a))
		}
		for range r.Count {
			a = append(a, r.Member)
		}
	}
	if len(a) != slots {
		return nil, fmt.Errorf("the runs end at slot %d of %d", len(a), slots)
	}
	return a, nil
}
