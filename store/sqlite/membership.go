package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/ringhold/ringhold/store"
)

// Join registers a member and a fence for each of its writers.
func (s *Store) Join(ctx context.Context, m store.Member, lease time.Duration) (store.Renewal, error) {
	if m.ID == "" || m.Writers < 1 {
		return store.Renewal{}, fmt.Errorf("join: member %q with %d writers: an id and at least one writer are needed", m.ID, m.Writers)
	}
	return s.renewal(ctx, m.ID, func(t *tx, now time.Time) error { return t.join(m, now, now.Add(lease)) })
}

func (t *tx) join(m store.Member, now, until time.Time) error {
	_, err := t.exec(`INSERT INTO members (service_group, member, pod_uid, address, writers, joined_at, lease_until) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		t.group, string(m.ID), m.PodUID, m.Address, m.Writers, now.UnixMicro(), until.UnixMicro())
	if isUnique(err) {
		return fmt.Errorf("join as %s: %w", m.ID, store.ErrMemberExists)
	}
	for w := 0; w < m.Writers && err == nil; w++ {
		_, err = t.exec(`INSERT INTO fences (service_group, member, writer) VALUES (?, ?, ?)`, t.group, string(m.ID), w)
	}
	if err != nil {
		return err
	}
	return t.membersChanged(now)
}

// membersChanged counts a change of the members, in its transaction.
func (t *tx) membersChanged(now time.Time) error {
	_, err := t.exec(`INSERT INTO memberships (service_group, version) VALUES (?, ?)
		ON CONFLICT DO UPDATE SET version = max(version + 1, excluded.version)`, t.group, int64(store.MembershipVersion(0).Next(now)))
	return err
}

// Renew extends a member's lease.
func (s *Store) Renew(ctx context.Context, id store.MemberID, lease time.Duration, leaving bool) (store.Renewal, error) {
	return s.renewal(ctx, id, func(t *tx, now time.Time) error {
		n, err := t.affected(`UPDATE members SET lease_until = ? WHERE service_group = ? AND member = ? AND NOT deposed`,
			now.Add(lease).UnixMicro(), t.group, string(id))
		if err == nil && n == 0 {
			return &store.FencedError{Member: id, Reason: "it is deposed"}
		}
		if err != nil || !leaving {
			return err
		}
		n, err = t.affected(`UPDATE members SET leaving = 1 WHERE service_group = ? AND member = ? AND NOT leaving`, t.group, string(id))
		if err != nil || n == 0 {
			return err
		}
		return t.membersChanged(now)
	})
}

const renewed = `
SELECT lease_until,
  (SELECT count(*) FROM slots AS s WHERE s.service_group = m.service_group AND s.owner = m.member),
  (SELECT coalesce(sum(epoch), 0) FROM slots AS s WHERE s.service_group = m.service_group AND s.owner = m.member),
  (SELECT coalesce(max(version), 0) FROM rings AS r WHERE r.service_group = m.service_group),
  (SELECT version FROM memberships AS v WHERE v.service_group = m.service_group)
FROM members AS m WHERE service_group = ? AND member = ?`

// renewal runs a change of a member's lease and reads the answer after it, in
// the same transaction. The time is read in it, so that no wait is part of a
// lease.
func (s *Store) renewal(ctx context.Context, id store.MemberID, change func(*tx, time.Time) error) (store.Renewal, error) {
	r := store.Renewal{Incarnation: s.incarnation}
	err := s.committer.do(ctx, func(t *tx) error {
		r.Now = s.now()
		if err := change(t, r.Now); err != nil {
			return err
		}
		var until int64
		err := t.one([]any{&until, &r.Slots, &r.EpochSum, &r.RingVersion, &r.Membership}, renewed, t.group, string(id))
		r.LeaseUntil = fromMicros(until)
		return err
	})
	if err != nil {
		return store.Renewal{}, err
	}
	return r, nil
}

// Depose fences a member off: first by the row that renewals write, then by
// its fences. One that has no row counts as deposed.
func (s *Store) Depose(ctx context.Context, d store.Depose) (bool, error) {
	deposed := false
	err := s.committer.do(ctx, func(t *tx) (err error) {
		now := s.now()
		if d.Estimate.Before(now) {
			now = d.Estimate
		}
		if d.Alone || d.Incarnation == s.incarnation {
			// Alone is true: this process holds the lock of the file.
			var n int
			n, err = t.affected(`UPDATE members SET deposed = 1 WHERE service_group = ? AND member = ? AND NOT deposed AND (? OR lease_until + ? < ?)`,
				t.group, string(d.Member), d.Alone, d.Patience.Microseconds(), now.UnixMicro())
			if err == nil && n > 0 {
				err = t.membersChanged(s.now())
			}
		}
		if err == nil {
			err = t.one([]any{&deposed}, `SELECT coalesce(max(deposed), 1) FROM members WHERE service_group = ? AND member = ?`, t.group, string(d.Member))
		}
		if err == nil && deposed {
			_, err = t.exec(`UPDATE fences SET deposed = 1 WHERE service_group = ? AND member = ?`, t.group, string(d.Member))
		}
		return err
	})
	if err != nil {
		return false, err // deposed may still be written: the outcome can be unknown
	}
	return deposed, nil
}

// Members returns all rows.
func (s *Store) Members(ctx context.Context) ([]store.Member, error) {
	var members []store.Member
	err := s.each(ctx, "read the members", func(rows *sql.Rows) error {
		var m store.Member
		var joined, until int64
		err := rows.Scan(&m.ID, &m.PodUID, &m.Address, &m.Writers, &joined, &until, &m.Leaving, &m.Deposed)
		m.JoinedAt, m.LeaseUntil = fromMicros(joined), fromMicros(until)
		members = append(members, m)
		return err
	}, allMembers, s.group)
	return members, err
}

// Slots returns the rows of the slots that were ever acquired.
func (s *Store) Slots(ctx context.Context) ([]store.SlotRow, error) {
	var slots []store.SlotRow
	err := s.each(ctx, "read the slots", func(rows *sql.Rows) error {
		var r store.SlotRow
		err := rows.Scan(&r.Slot, &r.Owner, &r.Epoch)
		slots = append(slots, r)
		return err
	}, allSlots, s.group)
	return slots, err
}
