package ring

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Score says how well a slot suits a member: XXH64, seed 0, of the eight bytes,
// lowest first, of (XXH64 of the id, with its bits flipped where the slot's
// number has ones). Every process computes the same; docs/ring.md has vectors.
func Score(s Slot, id MemberID) uint64 { return score(s, keyOf(id)) }

// keyOf is the part of a score that is the same for all slots.
func keyOf(id MemberID) uint64 { return xxhash.Sum64String(string(id)) }

// score is XXH64 of eight bytes, written out: a ring of 16,384 slots takes a
// million of them. It maps no two keys to one number, so that scores of a slot
// are equal only where keys are.
func score(s Slot, key uint64) uint64 {
	const (
		p1 = 0x9E3779B185EBCA87
		p2 = 0xC2B2AE3D27D4EB4F
		p3 = 0x165667B19E3779F9
		p4 = 0x85EBCA77C2B2AE63
		p5 = 0x27D4EB2F165667C5
	)
	h := p5 + 8 ^ bits.RotateLeft64((key^uint64(s))*p2, 31)*p1
	h = bits.RotateLeft64(h, 27)*p1 + p4
	h = (h ^ h>>33) * p2
	h = (h ^ h>>29) * p3
	return h ^ h>>32
}

// Order returns ids in the rendezvous order of a slot: the highest score first,
// and of equal ones the lowest id. It does not depend on the order of its input,
// and without one of the ids it is the same for the others.
func Order(s Slot, ids []MemberID) []MemberID {
	scored := make([]candidate, len(ids))
	for i, id := range ids {
		scored[i] = candidate{key: score(s, keyOf(id)), id: id}
	}
	slices.SortFunc(scored, func(a, b candidate) int { return cmp.Or(cmp.Compare(b.key, a.key), cmp.Compare(a.id, b.id)) })
	out := make([]MemberID, len(ids))
	for i, c := range scored {
		out[i] = c.id
	}
	return out
}

// Successors returns whom to try for a slot, one after the other, for somebody
// who does not know which of them live: its member of the ring, then those that
// do not leave in the slot's rendezvous order, then those that leave. A member
// that leaves is not before one that stays.
func (r *Ring) Successors(s Slot) []Member {
	out := slices.Clone(r.Members)
	first, _ := r.Owner(s)
	slices.SortFunc(out, func(a, b Member) int {
		return cmp.Or(
			last(a.Leaving, b.Leaving),
			last(a.ID != first.ID, b.ID != first.ID),
			cmp.Compare(Score(s, b.ID), Score(s, a.ID)),
			cmp.Compare(a.ID, b.ID),
		)
	})
	return out
}

// last orders what is true behind what is not.
func last(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
