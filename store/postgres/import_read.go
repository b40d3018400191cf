package postgres

import (
	"context"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

var _ store.Exporter = (*Store)(nil)

// slotHeads seeks the newest event of each slot that was ever acquired: there
// is none in others. One statement sees one moment.
const slotHeads = `
SELECT s.slot, e.slot_offset, e.epoch
FROM slots AS s
CROSS JOIN LATERAL (
  SELECT x.slot_offset, x.epoch FROM events AS x
  WHERE x.service_group = s.service_group AND x.slot = s.slot ORDER BY x.slot_offset DESC LIMIT 1) AS e
WHERE s.service_group = $1 ORDER BY s.slot`

// Pages of all rows, in the order of the keys' bytes.
const (
	pageOfSnapshots = `
SELECT stream, version, schema_version, encoding, data FROM snapshots
WHERE service_group = $1 AND stream > $2 ORDER BY stream LIMIT $3`
	pageOfStates = `
SELECT stream, slot, version, schema_version, encoding, data, recent FROM states
WHERE service_group = $1 AND stream > $2 ORDER BY stream LIMIT $3`
	pageOfAlarms = `
SELECT id, stream, slot, due_at, message FROM alarms
WHERE service_group = $1 AND id > $2 ORDER BY id LIMIT $3`
)

// page reads up to limit rows behind a key.
func (s *Store) page(ctx context.Context, doing, query, after string, limit int, reset func(), row func([][]byte) error) error {
	return s.each(ctx, doing, query, func(p *params) {
		p.text(s.group)
		p.text(after)
		p.int8(int64(max(limit, 0)))
	}, reset, row)
}

// Heads returns where the logs end.
func (s *Store) Heads(ctx context.Context) ([]store.SlotHead, error) {
	var heads []store.SlotHead
	err := s.each(ctx, "read the heads of", slotHeads, func(p *params) { p.text(s.group) }, func() { heads = nil }, func(v [][]byte) error {
		heads = append(heads, store.SlotHead{Slot: ring.Slot(getInt4(v[0])), Head: store.Head{Offset: store.Offset(getInt8(v[1])), Epoch: store.Epoch(getInt8(v[2]))}})
		return nil
	})
	return heads, err
}

// ReadSnapshots returns a page of all snapshots.
func (s *Store) ReadSnapshots(ctx context.Context, after message.Stream, limit int) ([]store.Snapshot, error) {
	var out []store.Snapshot
	err := s.page(ctx, "read the snapshots of", pageOfSnapshots, string(after), limit, func() { out = nil }, func(v [][]byte) error {
		out = append(out, store.Snapshot{Stream: message.Stream(v[0]), Version: message.Version(getInt8(v[1])), Schema: int(getInt4(v[2])),
			Encoding: store.Encoding(getInt2(v[3])), Data: clone(v[4])})
		return nil
	})
	return out, err
}

// ReadStates returns a page of all states.
func (s *Store) ReadStates(ctx context.Context, after message.Stream, limit int) ([]store.State, error) {
	var out []store.State
	err := s.page(ctx, "read the states of", pageOfStates, string(after), limit, func() { out = nil }, func(v [][]byte) error {
		recent, err := store.DecodeRecent(v[6])
		out = append(out, store.State{Stream: message.Stream(v[0]), Slot: ring.Slot(getInt4(v[1])), Version: message.Version(getInt8(v[2])),
			Schema: int(getInt4(v[3])), Encoding: store.Encoding(getInt2(v[4])), Data: clone(v[5]), Recent: recent})
		return err
	})
	return out, err
}

// ReadAlarms returns a page of all alarms.
func (s *Store) ReadAlarms(ctx context.Context, after string, limit int) ([]store.Alarm, error) {
	var out []store.Alarm
	err := s.page(ctx, "read the alarms of", pageOfAlarms, after, limit, func() { out = nil }, func(v [][]byte) error {
		out = append(out, store.Alarm{ID: string(v[0]), Stream: message.Stream(v[1]), Slot: ring.Slot(getInt4(v[2])),
			DueAt: fromPostgres(getInt8(v[3])), Message: clone(v[4])})
		return nil
	})
	return out, err
}
