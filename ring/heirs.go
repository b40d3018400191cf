package ring

import (
	"fmt"
	"maps"
	"slices"
)

// heirs returns who gets the slots of each replaced member: the last of those
// that follow on it in replacements and are present. A replacement whose new
// member is not present does not count: the old one leaves, or stays, as any
// other.
func heirs(present map[MemberID]int, replacements map[MemberID]MemberID) (map[MemberID]int, error) {
	out := make(map[MemberID]int, len(replacements))
	for _, old := range slices.Sorted(maps.Keys(replacements)) {
		at := old
		for range len(replacements) {
			next, ok := replacements[at]
			if !ok {
				break
			}
			at = next
			if i, ok := present[at]; ok {
				out[old] = i
			}
		}
		if _, more := replacements[at]; more {
			return nil, fmt.Errorf("the replacements of member %q go round in a circle", old)
		}
	}
	return out, nil
}
