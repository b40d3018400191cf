package postgres

import (
	"context"
	"time"

	"github.com/ringhold/ringhold/store"
)

var _ store.Discarder = (*writer)(nil)

const (
	versionOfRing = `SELECT coalesce(max(version), 0) FROM rings WHERE service_group = $1`
	// discardEvents removes the newest of the highest slots: the primary key's end.
	discardEvents = `
DELETE FROM events WHERE service_group = $1 AND (slot, slot_offset) IN (
  SELECT e.slot, e.slot_offset FROM events AS e WHERE e.service_group = $1 ORDER BY e.slot DESC, e.slot_offset DESC LIMIT $2)`
	discardRings = `DELETE FROM rings WHERE service_group = $1 AND version <= $2`
	eventsLeft   = `SELECT EXISTS (SELECT FROM events WHERE service_group = $1)`
)

// discardRest is what a group has beside its events.
var discardRest = []string{
	`DELETE FROM snapshots WHERE service_group = $1`, `DELETE FROM states WHERE service_group = $1`,
	`DELETE FROM alarms WHERE service_group = $1`, `DELETE FROM erasures WHERE service_group = $1`,
}

// Discard removes a group into which an import was begun.
func (w *writer) Discard(ctx context.Context, d store.Discard) (done bool, err error) {
	leave, err := w.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	if err := w.ready(ctx); err != nil {
		return false, err
	}
	w.proof.forget()
	_ = w.session.wire.SetDeadline(time.Now().Add(w.s.timeout)) // on a connection that is closed the writes fail as well
	by := &store.Append{Member: d.Member, Writer: d.Writer, Gen: d.Gen}
	if done, err = w.discard(by, d); err != nil {
		w.rollBack()
		if w.session != nil && sqlState(err) == "" {
			return false, err // a refusal of this process
		}
		return false, w.refused(by, err)
	}
	w.p.reset()
	if err := w.write(commitImport, nil); err != nil {
		return false, w.refused(by, err)
	}
	return done, nil
}

func (w *writer) discard(by *store.Append, d store.Discard) (done bool, err error) {
	w.p.reset()
	if err := w.run(beginImport, nil); err != nil {
		return false, err
	}
	w.identify(by.Member, by.Writer, by.Gen)
	if err := w.run(lockFence, nil); err != nil {
		return false, err
	}
	w.begin()
	newest := int64(-1)
	if err := w.run(versionOfRing, func(v [][]byte) error { newest = getInt8(v[0]); return nil }); err != nil {
		return false, err
	}
	if newest != int64(d.Ring) {
		return false, store.ErrOtherRing
	}
	w.begin()
	w.p.int8(int64(d.Limit))
	if err := w.run(discardEvents, nil); err != nil {
		return false, err
	}
	w.begin()
	left := true
	if err := w.run(eventsLeft, func(v [][]byte) error { left = v[0][0] == 1; return nil }); err != nil || left {
		return false, err
	}
	for _, statement := range discardRest {
		w.begin()
		if err := w.run(statement, nil); err != nil {
			return false, err
		}
	}
	w.begin()
	w.p.int8(int64(d.Ring) + 1) //nolint:gosec // rings are counted from 1
	w.p.bytes(nil)
	w.p.int8(int64(d.Ring)) //nolint:gosec // as above
	if err := w.run(saveRing, func(v [][]byte) error { done = v[0][0] == 1; return nil }); err != nil {
		return false, err
	}
	if !done {
		return false, store.ErrOtherRing
	}
	w.begin()
	w.p.int8(int64(d.Ring)) //nolint:gosec // as above
	if err := w.run(discardRings, nil); err != nil {
		return false, err
	}
	return true, nil
}
