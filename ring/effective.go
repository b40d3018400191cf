package ring

// Live is a member's row in the store that is not deposed. Whoever has no such
// row is as good as deposed.
type Live struct {
	ID      MemberID // the process, also in Kubernetes
	PodUID  string   // empty outside Kubernetes
	Leaving bool
}

// Effective returns who is to own a slot now, whatever the ring says of members
// that are gone; ok is false if nobody lives. Members that leave are the rows
// that say so and those whose entry in the ring does. It is the first of:
//
//   - the ring's member of the slot, if it has a row and does not leave;
//   - the other members of the ring that have one and do not leave, in the slot's
//     rendezvous order (by their ids in the ring);
//   - other rows that do not leave, in the rendezvous order of the rows' ids;
//   - members of the ring that leave, in their rendezvous order, and then other
//     rows: who is the last to leave keeps its slots until it has left.
//
// The ring is nil if there is none. A ring's entry with a pod uid has the last
// given of the rows with that uid, and the rows before it are not considered; an
// entry without has the row with its id.
//
// It is for one question; for more, see [Owners].
func Effective(r *Ring, s Slot, live []Live) (owner MemberID, ok bool) {
	owner = elect(r, live).owner(r, s)
	return owner, owner != ""
}

// Owners returns for each of a group's slots what [Effective] does, empty where
// nobody lives. A ring with another number of slots is not the group's, and is
// treated as none.
//
// It takes time for slots whose member in the ring is gone: 16,384 slots without
// a ring and with 100 rows are a few milliseconds.
func Owners(r *Ring, slots int, live []Live) []MemberID {
	if r != nil && r.Slots != slots {
		r = nil
	}
	e, out := elect(r, live), make([]MemberID, slots)
	for s := range out {
		out[s] = e.owner(r, Slot(s))
	}
	return out
}

// candidate is who may get a slot by its rendezvous order.
type candidate struct {
	key   uint64
	id    MemberID // what the key is of
	owner MemberID // the process
}

// election is what the rows and a ring say for all slots alike.
type election struct {
	entries []MemberID  // the process of each member of the ring, empty if it is gone or leaves
	others  []candidate // who stands in for those, by the slot's order
}

func elect(r *Ring, live []Live) election {
	rows := newest(live)
	byID, byPod := make(map[MemberID]int, len(rows)), make(map[string]int, len(rows))
	for i, row := range rows {
		byID[row.ID], byPod[row.PodUID] = i, i // an empty uid is not looked for
	}
	const inRing, besides, leavingRing, leavingBesides = 0, 1, 2, 3
	var tiers [4][]candidate
	var e election
	stand := make([]bool, len(rows)) // in the ring
	if r != nil {
		e.entries = make([]MemberID, len(r.Members))
		for i, m := range r.Members {
			at, found := byPod[m.PodUID]
			if m.PodUID == "" {
				at, found = byID[m.ID]
			}
			if !found || stand[at] {
				continue
			}
			stand[at] = true
			c, tier := candidate{key: keyOf(m.ID), id: m.ID, owner: rows[at].ID}, leavingRing
			if !m.Leaving && !rows[at].Leaving {
				e.entries[i], tier = c.owner, inRing
			}
			tiers[tier] = append(tiers[tier], c)
		}
	}
	for i, row := range rows {
		if stand[i] {
			continue
		}
		tier := besides
		if row.Leaving {
			tier = leavingBesides
		}
		tiers[tier] = append(tiers[tier], candidate{key: keyOf(row.ID), id: row.ID, owner: row.ID})
	}
	for _, tier := range tiers {
		if len(tier) > 0 {
			e.others = tier
			break
		}
	}
	return e
}

// newest leaves out the rows of pods that have a later one.
func newest(live []Live) []Live {
	last := make(map[string]int)
	for i, row := range live {
		last[row.PodUID] = i
	}
	out := make([]Live, 0, len(live))
	for i, row := range live {
		if row.PodUID == "" || last[row.PodUID] == i {
			out = append(out, row)
		}
	}
	return out
}

func (e election) owner(r *Ring, s Slot) MemberID {
	if r != nil && int(s) < len(r.Assignment) && r.Assignment[s] != NoMember {
		if id := e.entries[r.Assignment[s]]; id != "" {
			return id
		}
	}
	if len(e.others) == 0 {
		return ""
	}
	best, highest := 0, uint64(0)
	for i := range e.others {
		v := score(s, e.others[i].key)
		if v > highest || v == highest && (i == 0 || e.others[i].id < e.others[best].id) {
			best, highest = i, v
		}
	}
	return e.others[best].owner
}
