package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

const renewedColumns = `SELECT r.now_at, r.lease_until, r.incarnation, r.slots, r.epochs, r.ring, r.membership FROM `

const joinMember = renewedColumns + `join_v1($1, $2, $3, $4, $5, $6) AS r`

const renewLease = renewedColumns + `renew_v1($1, $2, $3, $4) AS r`

// leases is the connection of renewals, which nothing else may hold up. A
// renewal that found it broken is an error, so that whoever counts unbroken
// renewals learns of it; the next one opens a new one.
type leases struct {
	turn    chan struct{} // holds one token while nobody uses the session
	session *session
}

func newLeases() *leases {
	l := &leases{turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

// end ends the connection; nobody uses it any more.
func (l *leases) end() {
	if l.session != nil {
		l.session.end()
		l.session = nil
	}
}

// Join registers a member and a fence for each of its writers.
func (s *Store) Join(ctx context.Context, m store.Member, lease time.Duration) (store.Renewal, error) {
	if m.ID == "" || m.Writers < 1 {
		return store.Renewal{}, fmt.Errorf("join: member %q with %d writers: an id and at least one writer are needed", m.ID, m.Writers)
	}
	r, err := s.renewal(ctx, "join", joinMember, func(p *params) {
		p.text(s.group)
		p.text(string(m.ID))
		p.text(m.PodUID)
		p.text(m.Address)
		p.int4(int32(m.Writers)) //nolint:gosec // a member has a few
		p.int8(lease.Microseconds())
	})
	if sqlState(err) == stateUsedID {
		return r, fmt.Errorf("join as %s: %w", m.ID, store.ErrMemberExists)
	}
	return r, s.explain("join", err)
}

// Renew extends a member's lease.
func (s *Store) Renew(ctx context.Context, id store.MemberID, lease time.Duration, leaving bool) (store.Renewal, error) {
	r, err := s.renewal(ctx, "renew a lease in", renewLease, func(p *params) {
		p.text(s.group)
		p.text(string(id))
		p.int8(lease.Microseconds())
		p.bool(leaving)
	})
	if sqlState(err) == stateFenced {
		return r, fenced(id, 0, 0, err)
	}
	return r, s.explain("renew a lease in", err)
}

// renewal runs a change of a member's lease on the connection for that.
func (s *Store) renewal(ctx context.Context, doing, query string, fill func(*params)) (store.Renewal, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return store.Renewal{}, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	select {
	case <-s.leases.turn:
		defer func() { s.leases.turn <- struct{}{} }()
	case <-ctx.Done():
		return store.Renewal{}, ctx.Err()
	}
	if s.leases.session == nil {
		if s.leases.session, err = s.connect(ctx, forLeases, s.timeout); err != nil {
			return store.Renewal{}, err
		}
	}
	var p params
	fill(&p)
	var r store.Renewal
	found := false
	lost, err := s.leases.session.insist(ctx, query, &p, func(v [][]byte) error {
		found = true
		r = store.Renewal{Now: fromPostgres(getInt8(v[0])), LeaseUntil: fromPostgres(getInt8(v[1])), Incarnation: string(v[2]),
			Slots: int(getInt8(v[3])), EpochSum: getInt8(v[4]), RingVersion: ring.Number(getInt8(v[5])), Membership: store.MembershipVersion(getInt8(v[6]))} //nolint:gosec // never negative
		return nil
	})
	if lost {
		s.leases.session = nil
	}
	if err == nil && !found {
		err = errors.New(doing + " the store: the server answered nothing")
	}
	if err != nil {
		return store.Renewal{}, err
	}
	return r, nil
}

const allMembers = `
SELECT m.member, m.pod_uid, m.address, m.writers, m.joined_at, coalesce(l.lease_until, m.joined_at), m.leaving, m.deposed
FROM members AS m
LEFT JOIN LATERAL (
  SELECT n.lease_until FROM leases AS n
  WHERE n.service_group = m.service_group AND n.member = m.member ORDER BY n.nth DESC LIMIT 1) AS l ON true
WHERE m.service_group = $1 ORDER BY m.member`

// Members returns all rows.
func (s *Store) Members(ctx context.Context) ([]store.Member, error) {
	var members []store.Member
	err := s.each(ctx, "read the members of", allMembers, func(p *params) { p.text(s.group) }, func() { members = nil }, func(v [][]byte) error {
		members = append(members, store.Member{ID: store.MemberID(v[0]), PodUID: string(v[1]), Address: string(v[2]), Writers: int(getInt4(v[3])),
			JoinedAt: fromPostgres(getInt8(v[4])), LeaseUntil: fromPostgres(getInt8(v[5])), Leaving: v[6][0] == 1, Deposed: v[7][0] == 1})
		return nil
	})
	return members, err
}

const allSlots = `SELECT slot, coalesce(owner, ''), epoch FROM slots WHERE service_group = $1 ORDER BY slot`

// Slots returns the rows of the slots that were ever acquired.
func (s *Store) Slots(ctx context.Context) ([]store.SlotRow, error) {
	var slots []store.SlotRow
	err := s.each(ctx, "read the slots of", allSlots, func(p *params) { p.text(s.group) }, func() { slots = nil }, func(v [][]byte) error {
		slots = append(slots, store.SlotRow{Slot: ring.Slot(getInt4(v[0])), Owner: store.MemberID(v[1]), Epoch: store.Epoch(getInt8(v[2]))})
		return nil
	})
	return slots, err
}
