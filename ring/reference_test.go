package ring_test

import (
	"cmp"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/ringhold/ringhold/ring"
)

// reference is docs/ring.md's "From slots to members" written down a second
// time, in its words and without a thought for speed. Replacements name members
// that are there, and do not follow on each other.
func reference(previous *ring.Ring, list []ring.Member, replace map[ring.MemberID]ring.MemberID) []ring.MemberID {
	allLeave := !slices.ContainsFunc(list, func(m ring.Member) bool { return !m.Leaving })
	there := map[ring.MemberID]bool{}
	for _, m := range list {
		there[m.ID] = !m.Leaving || allLeave
	}
	heir := map[ring.MemberID]ring.MemberID{}
	for old, by := range replace {
		if there[by] && !(allLeave && there[old]) {
			heir[old] = by
		}
	}
	for old := range heir {
		there[old] = false
	}

	owners, slotsOf := make([]ring.MemberID, previous.Slots), map[ring.MemberID][]int{}
	for s := range owners {
		owner := ownerOf(previous, s)
		if by, replaced := heir[owner]; replaced {
			owner = by
		}
		if there[owner] {
			owners[s], slotsOf[owner] = owner, append(slotsOf[owner], s)
		}
	}
	var present []ring.MemberID
	for id, is := range there {
		if is {
			present = append(present, id)
		}
	}
	slices.SortFunc(present, func(a, b ring.MemberID) int {
		return cmp.Or(cmp.Compare(xxhash.Sum64String(string(a)), xxhash.Sum64String(string(b))), cmp.Compare(a, b))
	})
	n, more := len(owners)/len(present), len(owners)%len(present)
	if allLeave {
		n, more = len(owners), 0
	}

	giveUp := func(id ring.MemberID) { owners[slotsOf[id][0]], slotsOf[id] = "", slotsOf[id][1:] }
	var full []ring.MemberID
	for _, id := range present {
		slices.SortFunc(slotsOf[id], func(a, b int) int {
			return cmp.Or(cmp.Compare(ring.Score(ring.Slot(a), id), ring.Score(ring.Slot(b), id)), cmp.Compare(a, b))
		})
		for len(slotsOf[id]) > n+1 {
			giveUp(id)
		}
		if len(slotsOf[id]) == n+1 {
			full = append(full, id)
		}
	}
	slices.SortFunc(full, func(a, b ring.MemberID) int {
		x, y := slotsOf[a][0], slotsOf[b][0]
		return cmp.Or(cmp.Compare(ring.Score(ring.Slot(x), a), ring.Score(ring.Slot(y), b)), cmp.Compare(x, y))
	})
	for len(full) > more {
		giveUp(full[0])
		full = full[1:]
	}
	take(owners, slotsOf, present, n, more-len(full))
	return owners
}

// take gives the slots of nobody to the members, which are sorted by their keys.
func take(owners []ring.MemberID, slotsOf map[ring.MemberID][]int, present []ring.MemberID, n, more int) {
	free := 0
	for _, id := range owners {
		if id == "" {
			free++
		}
	}
	for s, id := range owners {
		if id != "" {
			continue
		}
		var room []ring.MemberID
		for _, id := range present {
			if had := len(slotsOf[id]); had < n || had == n && more > 0 {
				room = append(room, id)
			}
		}
		if width := 1 << 19 / free; len(room) > width {
			number := xxhash.Sum64([]byte{byte(s), byte(s >> 8), 0, 0, 0, 0, 0, 0})
			at := max(0, slices.IndexFunc(room, func(id ring.MemberID) bool { return xxhash.Sum64String(string(id)) >= number }))
			room = append(slices.Clone(room[at:]), room[:at]...)[:width]
		}
		owner := ring.Order(ring.Slot(s), room)[0]
		if len(slotsOf[owner]) == n {
			more--
		}
		owners[s], slotsOf[owner] = owner, append(slotsOf[owner], s)
	}
}
