package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

var _ store.Importer = (*writer)(nil)

// An import is rare and large, so it is a transaction of several statements
// where an append is one. The order is that of append_v1, for the same reason:
// each statement sees what was committed before the fence's lock was had.
const (
	beginImport  = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`
	commitImport = `COMMIT`
	lockFence    = `SELECT fence_v1($1, $2, $3, $4)`
)

// Import stores a log that was written elsewhere.
func (w *writer) Import(ctx context.Context, a *store.Append) error {
	if err := a.ValidateImport(); err != nil {
		return err
	}
	leave, err := w.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := w.ready(ctx); err != nil {
		return err
	}
	w.proof.forget()
	w.session.within(w.s.timeout)
	if err := w.importAll(a); err != nil {
		w.rollBack()
		if w.session != nil && sqlState(err) == "" {
			return err // a refusal of this process
		}
		return w.refused(a, err)
	}
	w.p.reset()
	if err := w.write(commitImport, nil); err != nil {
		return w.refused(a, err)
	}
	return nil
}

// rollBack ends the transaction, and the session if that cannot be done: no
// commit was sent, so nothing of it is stored either way.
func (w *writer) rollBack() {
	w.p.reset()
	if _, err := w.session.call(context.Background(), `ROLLBACK`, &w.p, nil); err != nil {
		w.session.kill()
		w.session, w.doubt = nil, true
	}
}

// run runs a statement of the transaction with w.p.
func (w *writer) run(query string, row func([][]byte) error) error {
	_, err := w.session.call(context.Background(), query, &w.p, row)
	return err
}

func (w *writer) importAll(a *store.Append) error {
	w.p.reset()
	if err := w.run(beginImport, nil); err != nil {
		return err
	}
	w.identify(a.Member, a.Writer, a.Gen)
	if err := w.run(lockFence, nil); err != nil {
		return err
	}
	for _, check := range []func(*store.Append) error{w.checkClaims, w.checkMessages, w.checkTimes, w.checkRising} {
		if err := check(a); err != nil {
			return err
		}
	}
	if err := w.raiseEpochs(a); err != nil {
		return err
	}
	if err := w.importEvents(a); err != nil {
		return err
	}
	return w.importRows(a)
}

// checkClaims proves owner, epoch and head of each claim.
func (w *writer) checkClaims(a *store.Append) error {
	stale := &store.StaleSlotError{}
	w.p.reset()
	w.p.text(w.s.group)
	w.p.text(string(a.Member))
	w.p.int4(int32(a.Writer))
	w.p.claims(a.Claims)
	err := w.run(verifyClaims, func(v [][]byte) error {
		i := getInt8(v[0]) - 1
		if i < 0 || i >= int64(len(a.Claims)) {
			return fmt.Errorf("the server named claim %d of %d", i+1, len(a.Claims))
		}
		stale.Slots = append(stale.Slots, a.Claims[i].Slot)
		return nil
	})
	if err == nil && len(stale.Slots) > 0 {
		return stale
	}
	return err
}

// checkMessages looks for messages that are stored in their streams already.
func (w *writer) checkMessages(a *store.Append) error {
	if len(a.Events) == 0 {
		return nil
	}
	w.begin()
	w.column(oidText, a.Events, func(e *store.Event) { w.p.addText(string(e.Stream)) })
	w.column(oidText, a.Events, func(e *store.Event) { w.p.addTextOrNull(string(e.MessageID)) })
	at := 0
	err := w.run(repeatedMessage, func(v [][]byte) error {
		if v[0] != nil {
			at = int(getInt8(v[0]))
		}
		return nil
	})
	if err == nil && at > 0 {
		return repeated(a, at)
	}
	return err
}

// headTimes gives the server's time, and of each slot that has events the time
// of the newest.
const headTimes = `
SELECT clock_timestamp(), c.slot, h.recorded_at
FROM unnest($2::integer[]) AS c (slot)
LEFT JOIN LATERAL (
  SELECT e.recorded_at FROM events AS e
  WHERE e.service_group = $1 AND e.slot = c.slot ORDER BY e.slot_offset DESC LIMIT 1) AS h ON true`

func (w *writer) checkTimes(a *store.Append) error {
	if len(a.Events) == 0 {
		return nil
	}
	last := make(map[int32]time.Time, len(a.Claims))
	var now time.Time
	w.begin()
	w.p.list(oidInt4, len(a.Claims))
	for i := range a.Claims {
		w.p.addInt4(int32(a.Claims[i].Slot))
	}
	err := w.run(headTimes, func(v [][]byte) error {
		now = fromPostgres(getInt8(v[0]))
		if v[2] != nil {
			last[getInt4(v[1])] = fromPostgres(getInt8(v[2]))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range a.Events {
		if e := &a.Events[i]; e.RecordedAt.Before(last[int32(e.Slot)]) {
			return fmt.Errorf("import: the time of slot %d falls from %s to %s at offset %d", e.Slot, last[int32(e.Slot)], e.RecordedAt, e.Offset)
		}
	}
	return a.CheckTimes(now)
}

// reachedVersions gives position and version of a stream whose newest event has
// the version or a higher one.
const reachedVersions = `
SELECT b.i, v.version
FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY AS b (stream, version, i)
CROSS JOIN LATERAL (
  SELECT e.version FROM events AS e
  WHERE e.service_group = $1 AND e.stream = b.stream ORDER BY e.version DESC LIMIT 1) AS v
WHERE v.version >= b.version ORDER BY b.i LIMIT 1`

func (w *writer) checkRising(a *store.Append) error {
	var firsts []store.Event
	clear(w.seen)
	for i := range a.Events {
		if _, ok := w.seen[a.Events[i].Stream]; !ok {
			w.seen[a.Events[i].Stream] = struct{}{}
			firsts = append(firsts, a.Events[i])
		}
	}
	if len(firsts) == 0 {
		return nil
	}
	w.begin()
	w.column(oidText, firsts, func(e *store.Event) { w.p.addText(string(e.Stream)) })
	w.column(oidInt8, firsts, func(e *store.Event) { w.p.addInt8(int64(e.Version)) })
	var conflict error
	err := w.run(reachedVersions, func(v [][]byte) error {
		e := &firsts[getInt8(v[0])-1]
		conflict = &store.VersionConflictError{Stream: e.Stream, Expected: e.Version - 1, Current: message.Version(getInt8(v[1]))}
		return nil
	})
	if err == nil {
		err = conflict
	}
	return err
}

// column is a parameter with one element for each event.
func (w *writer) column(oid uint32, events []store.Event, add func(*store.Event)) {
	w.p.list(oid, len(events))
	for i := range events {
		add(&events[i])
	}
}

func (p *params) addTextOrNull(s string) {
	if s == "" {
		p.addNull()
		return
	}
	p.addText(s)
}

// addBytesOrNull keeps what is blanked blank.
func (p *params) addBytesOrNull(b []byte) {
	if b == nil {
		p.addNull()
		return
	}
	p.addBytes(b)
}
