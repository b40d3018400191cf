package sqlite

import (
	"context"
	"database/sql"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

var _ store.Exporter = (*Store)(nil)

// slotHeads seeks the newest event of each slot that was ever acquired: there
// is none in others.
const slotHeads = `
SELECT s.slot, e.slot_offset, e.epoch FROM slots AS s
JOIN events AS e ON e.service_group = s.service_group AND e.slot = s.slot AND e.slot_offset =
  (SELECT max(slot_offset) FROM events WHERE service_group = s.service_group AND slot = s.slot)
WHERE s.service_group = ? ORDER BY s.slot`

// Pages of all rows. A stream's name and an alarm's id are compared by their
// bytes, as SQLite does unless told otherwise.
const (
	pageOfSnapshots = `
SELECT stream, version, schema_version, encoding, data FROM snapshots
WHERE service_group = ? AND stream > ? ORDER BY stream LIMIT ?`
	pageOfStates = `
SELECT stream, slot, version, schema_version, encoding, data, recent FROM states
WHERE service_group = ? AND stream > ? ORDER BY stream LIMIT ?`
	pageOfAlarms = `
SELECT id, stream, slot, due_at, message FROM alarms
WHERE service_group = ? AND id > ? ORDER BY id LIMIT ?`
)

// page calls scan for each row of a query that is asked too seldom to be
// prepared.
func (s *Store) page(ctx context.Context, doing string, scan func(*sql.Rows) error, query string, args ...any) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	rows, err := s.reads.QueryContext(ctx, query, args...)
	if err == nil {
		err = scanAll(rows, scan)
	}
	return s.readFault(ctx, doing, err)
}

// Heads returns where the logs end.
func (s *Store) Heads(ctx context.Context) ([]store.SlotHead, error) {
	var heads []store.SlotHead
	err := s.page(ctx, "read the heads", func(rows *sql.Rows) error {
		var h store.SlotHead
		err := rows.Scan(&h.Slot, &h.Head.Offset, &h.Head.Epoch)
		heads = append(heads, h)
		return err
	}, slotHeads, s.group)
	return heads, err
}

// ReadSnapshots returns a page of all snapshots.
func (s *Store) ReadSnapshots(ctx context.Context, after message.Stream, limit int) ([]store.Snapshot, error) {
	var out []store.Snapshot
	err := s.page(ctx, "read the snapshots", func(rows *sql.Rows) error {
		var n store.Snapshot
		err := rows.Scan(&n.Stream, &n.Version, &n.Schema, &n.Encoding, &n.Data)
		out = append(out, n)
		return err
	}, pageOfSnapshots, s.group, string(after), max(limit, 0))
	return out, err
}

// ReadStates returns a page of all states.
func (s *Store) ReadStates(ctx context.Context, after message.Stream, limit int) ([]store.State, error) {
	var out []store.State
	err := s.page(ctx, "read the states", func(rows *sql.Rows) error {
		var st store.State
		var recent sql.RawBytes
		err := rows.Scan(&st.Stream, &st.Slot, &st.Version, &st.Schema, &st.Encoding, &st.Data, &recent)
		if err == nil {
			st.Recent, err = store.DecodeRecent(recent)
		}
		out = append(out, st)
		return err
	}, pageOfStates, s.group, string(after), max(limit, 0))
	return out, err
}

// ReadAlarms returns a page of all alarms.
func (s *Store) ReadAlarms(ctx context.Context, after string, limit int) ([]store.Alarm, error) {
	var out []store.Alarm
	err := s.page(ctx, "read the alarms", func(rows *sql.Rows) error {
		var a store.Alarm
		var due int64
		err := rows.Scan(&a.ID, &a.Stream, &a.Slot, &due, &a.Message)
		a.DueAt = fromMicros(due)
		out = append(out, a)
		return err
	}, pageOfAlarms, s.group, after, max(limit, 0))
	return out, err
}
