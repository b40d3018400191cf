package sqlite

import (
	"context"

	"github.com/ringhold/ringhold/store"
)

var _ store.Discarder = (*writer)(nil)

// Discard removes a group into which an import was begun.
func (w *writer) Discard(ctx context.Context, d store.Discard) (done bool, err error) {
	err = w.do(ctx, func(t *tx) (err error) {
		done, err = t.discard(d)
		return err
	})
	return done && err == nil, err
}

func (t *tx) discard(d store.Discard) (done bool, err error) {
	if err := t.fence(d.Member, d.Writer, d.Gen); err != nil {
		return false, err
	}
	var newest, left int64
	if err := t.one([]any{&newest}, `SELECT coalesce(max(version), 0) FROM rings WHERE service_group = ?`, t.group); err != nil {
		return false, err
	}
	if newest != int64(d.Ring) {
		return false, store.ErrOtherRing
	}
	if _, err := t.exec(`DELETE FROM events WHERE service_group = ?1 AND (slot, slot_offset) IN (
		SELECT slot, slot_offset FROM events WHERE service_group = ?1 ORDER BY slot DESC, slot_offset DESC LIMIT ?2)`, t.group, d.Limit); err != nil {
		return false, err
	}
	if err := t.one([]any{&left}, `SELECT EXISTS (SELECT 1 FROM events WHERE service_group = ?)`, t.group); err != nil || left > 0 {
		return false, err
	}
	for _, table := range []string{"snapshots", "states", "alarms", "erasures"} {
		if _, err := t.exec(`DELETE FROM `+table+` WHERE service_group = ?`, t.group); err != nil {
			return false, err
		}
	}
	if _, err := t.exec(`DELETE FROM rings WHERE service_group = ? AND version < ?`, t.group, newest); err != nil {
		return false, err
	}
	_, err = t.exec(`UPDATE rings SET version = version + 1, body = NULL WHERE service_group = ? AND version = ?`, t.group, newest)
	return true, err
}
