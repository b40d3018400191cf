package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// fenceRow returns the generation of a writer, nil if it has none.
func (s *Store) fenceRow(m store.MemberID, w store.WriterID) *store.Generation {
	row := s.members[m]
	if row == nil || w < 0 || int(w) >= len(row.fences) {
		return nil
	}
	return &row.fences[w]
}

// deposed says so of a member without a row too.
func (s *Store) deposed(m store.MemberID) bool {
	row := s.members[m]
	return row == nil || row.Deposed
}

// fence refuses what does not come from the newest generation of a writer whose
// member is not deposed.
func (s *Store) fence(m store.MemberID, w store.WriterID, g store.Generation) error {
	refused := func(reason string) error {
		return &store.FencedError{Member: m, Writer: w, Gen: g, Reason: reason}
	}
	row := s.fenceRow(m, w)
	switch {
	case row == nil:
		return refused("it has not joined with this writer")
	case s.deposed(m):
		return refused("it is deposed")
	case g == 0:
		return refused("the writer's generation was not raised")
	case g != *row:
		return refused(fmt.Sprintf("the writer is at generation %d", *row))
	}
	return nil
}

// Join registers a member.
func (s *Store) Join(ctx context.Context, m store.Member, lease time.Duration) (store.Renewal, error) {
	if m.ID == "" || m.Writers < 1 {
		return store.Renewal{}, fmt.Errorf("join: member %q with %d writers: an id and at least one writer are needed", m.ID, m.Writers)
	}
	if err := s.enter(ctx); err != nil {
		return store.Renewal{}, err
	}
	defer s.mu.Unlock()
	if s.members[m.ID] != nil {
		return store.Renewal{}, fmt.Errorf("join as %s: %w", m.ID, store.ErrMemberExists)
	}
	now := s.now()
	m.JoinedAt, m.LeaseUntil, m.Leaving, m.Deposed = now, now.Add(lease), false, false
	s.members[m.ID] = &member{Member: m, fences: make([]store.Generation, m.Writers)}
	s.membership = s.membership.Next(now)
	return s.renewal(m.ID, now), nil
}

// Renew extends a member's lease.
func (s *Store) Renew(ctx context.Context, id store.MemberID, lease time.Duration, leaving bool) (store.Renewal, error) {
	if err := s.enter(ctx); err != nil {
		return store.Renewal{}, err
	}
	defer s.mu.Unlock()
	if s.deposed(id) {
		return store.Renewal{}, &store.FencedError{Member: id, Reason: "it is deposed"}
	}
	now, row := s.now(), s.members[id]
	row.LeaseUntil = now.Add(lease)
	if leaving && !row.Leaving {
		row.Leaving = true
		s.membership = s.membership.Next(now)
	}
	return s.renewal(id, now), nil
}

// renewal is the answer to a member that is not deposed.
func (s *Store) renewal(id store.MemberID, now time.Time) store.Renewal {
	row := s.members[id]
	return store.Renewal{Now: now, LeaseUntil: row.LeaseUntil, Incarnation: s.incarnation, Slots: row.slots, EpochSum: row.epochs,
		RingVersion: s.ring.Version, Membership: s.membership}
}

// Depose fences a member off. Alone is accepted: nobody else can be in this
// process's memory.
func (s *Store) Depose(ctx context.Context, d store.Depose) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	if s.deposed(d.Member) {
		return true, nil
	}
	row := s.members[d.Member]
	if !d.Alone {
		now := s.now()
		if d.Estimate.Before(now) {
			now = d.Estimate
		}
		if d.Incarnation != s.incarnation || !row.LeaseUntil.Add(d.Patience).Before(now) {
			return false, nil
		}
	}
	row.Deposed = true
	s.membership = s.membership.Next(s.now())
	return true, nil
}

// Members returns all rows.
func (s *Store) Members(ctx context.Context) ([]store.Member, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	out := make([]store.Member, 0, len(s.members))
	for _, m := range s.members {
		out = append(out, m.Member)
	}
	slices.SortFunc(out, func(a, b store.Member) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// Slots returns the rows of the slots that were ever acquired.
func (s *Store) Slots(ctx context.Context) ([]store.SlotRow, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	out := make([]store.SlotRow, 0, len(s.slots))
	for _, n := range slices.Sorted(maps.Keys(s.slots)) {
		out = append(out, store.SlotRow{Slot: n, Owner: s.slots[n].owner, Epoch: s.slots[n].epoch})
	}
	return out, nil
}

// Reap removes members that can do nothing any more.
func (s *Store) Reap(ctx context.Context, age time.Duration) (int, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	reaped, before := 0, s.now().Add(-age)
	for id, row := range s.members {
		if row.Deposed && row.slots == 0 && row.LeaseUntil.Before(before) {
			delete(s.members, id)
			reaped++
		}
	}
	return reaped, nil
}

// SaveRing stores r if the newest one has the version after.
func (s *Store) SaveRing(ctx context.Context, r store.Ring, after ring.Number) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	if s.ring.Version != after || r.Version <= after {
		return false, nil
	}
	s.ring = r
	return true, nil
}

// LoadRing returns the newest ring.
func (s *Store) LoadRing(ctx context.Context) (store.Ring, error) {
	if err := s.enter(ctx); err != nil {
		return store.Ring{}, err
	}
	defer s.mu.Unlock()
	return s.ring, nil
}
