package ring

// NoMember stands in an [Assignment] for a slot that nobody should own.
const NoMember = -1

// Assignment says for each slot which member should own it, as an index into
// the members of its ring.
type Assignment []int

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
