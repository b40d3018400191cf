package gateway

import (
	"slices"

	"github.com/ringhold/ringhold/ring"
)

// table is what messages are routed by: a view, and what the links to its
// members are like. It never changes.
type table struct {
	view  View
	links map[ring.MemberID]*link
	// owners has the link to the effective owner of each slot, nil where nobody
	// lives; nil as long as no ring is known. It is reckoned over the members that
	// can be reached: while a link is down, the next in the slot's order stands in,
	// which can forward or adopt. While none can be reached it is reckoned over all.
	owners []*link
}

func newTable(v View, links map[ring.MemberID]*link) *table {
	t := &table{view: v, links: links}
	if v.Ring == nil {
		return t
	}
	live := make([]ring.Live, 0, len(v.Members))
	for _, m := range v.Members {
		live = append(live, ring.Live{ID: m.ID, PodUID: m.PodUID, Leaving: m.Leaving})
	}
	reachable := slices.DeleteFunc(slices.Clone(live), func(m ring.Live) bool {
		l := links[m.ID]
		return l == nil || !l.reachable()
	})
	if len(reachable) > 0 {
		live = reachable
	}
	t.owners = make([]*link, v.Ring.Slots)
	for s, id := range ring.Owners(v.Ring, v.Ring.Slots, live) {
		t.owners[s] = links[id]
	}
	return t
}

// owner returns the link to the effective owner of a slot; nil if nobody is
// known.
func (t *table) owner(s ring.Slot) *link {
	if int(s) >= len(t.owners) {
		return nil
	}
	return t.owners[s]
}
