package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

var _ store.Importer = (*writer)(nil)

// Import stores a log that was written elsewhere.
func (w *writer) Import(ctx context.Context, a *store.Append) error {
	if err := a.ValidateImport(); err != nil {
		return err
	}
	p := planAppend(a)
	return w.do(ctx, func(t *tx) error { return t.importAll(p) })
}

// importAll stores all of p, or returns an error after which the caller rolls back.
func (t *tx) importAll(p *plan) error {
	if err := t.fence(p.Member, p.Writer, p.Gen); err != nil {
		return err
	}
	var stale []store.Claim
	if err := t.each(scanStale(p.Claims, &stale), staleClaims, t.group, string(p.Member), p.claims); err != nil {
		return err
	}
	if len(stale) > 0 {
		e := &store.StaleSlotError{}
		for _, c := range stale {
			e.Slots = append(e.Slots, c.Slot)
		}
		return e
	}
	if err := p.CheckTimes(t.now); err != nil {
		return err
	}
	if err := t.checkImported(p); err != nil {
		return err
	}
	for _, c := range p.ImportedClaims() {
		if _, err := t.exec(`UPDATE slots SET epoch = ? WHERE service_group = ? AND slot = ? AND epoch < ?`,
			int64(c.Epoch), t.group, int64(c.Slot), int64(c.Epoch)); err != nil {
			return err
		}
	}
	if err := t.importEvents(p); err != nil {
		return err
	}
	// Snapshots replace newer ones too: those of a log that is not this one.
	for i := range p.Snapshots {
		if _, err := t.exec(`DELETE FROM snapshots WHERE service_group = ? AND stream = ?`, t.group, string(p.Snapshots[i].Stream)); err != nil {
			return err
		}
	}
	return t.insertRows(p)
}

// checkImported compares the first event of each slot and of each stream with
// what is stored; Validate has seen to those behind it.
func (t *tx) checkImported(p *plan) error {
	slots := make(map[ring.Slot]bool, len(p.Claims))
	streams := make(map[message.Stream]bool, len(p.Events))
	for i := range p.Events {
		e := &p.Events[i]
		if !slots[e.Slot] {
			slots[e.Slot] = true
			var last int64
			err := t.one([]any{&last}, `SELECT recorded_at FROM events WHERE service_group = ? AND slot = ? ORDER BY slot_offset DESC LIMIT 1`, t.group, int64(e.Slot))
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			if err == nil && e.RecordedAt.UnixMicro() < last {
				return fmt.Errorf("import: the time of slot %d falls from %s to %s at offset %d", e.Slot, fromMicros(last), e.RecordedAt, e.Offset)
			}
		}
		if streams[e.Stream] {
			continue
		}
		streams[e.Stream] = true
		current := message.NoVersion
		err := t.one([]any{&current}, `SELECT version FROM events WHERE service_group = ? AND stream = ? ORDER BY version DESC LIMIT 1`, t.group, string(e.Stream))
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		case current >= e.Version:
			return t.importConflict(p, &store.VersionConflictError{Stream: e.Stream, Expected: e.Version - 1, Current: current})
		}
	}
	return nil
}

// importConflict is a repeated message's, if there is one.
func (t *tx) importConflict(p *plan, conflict error) error {
	dup, err := t.duplicate(p, false)
	if err != nil || dup != nil {
		return errors.Join(err, dup)
	}
	return conflict
}

func (t *tx) importEvents(p *plan) error {
	for i := range p.Events {
		e := &p.Events[i]
		_, err := t.exec(insertEvent, t.group, int64(e.Slot), int64(e.Offset), int64(e.Epoch), string(e.Stream), int64(e.Version), e.Type, e.Schema,
			int64(e.Encoding), imported(e.Encoding, e.Data), imported(store.JSON, e.Metadata), textOrNull(string(e.MessageID)), textOrNull(p.commands[i]), e.RecordedAt.UnixMicro())
		if err != nil {
			return t.diagnose(p, err)
		}
		if e.Type != store.TypeErased {
			continue
		}
		if _, err := t.exec(`INSERT OR IGNORE INTO erasures (service_group, stream, next_version) VALUES (?, ?, 0)`, t.group, string(e.Stream)); err != nil {
			return err
		}
	}
	return nil
}

// imported is payload, which keeps what is blanked blank.
func imported(enc store.Encoding, b []byte) any {
	if b == nil {
		return nil
	}
	return payload(enc, b)
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
