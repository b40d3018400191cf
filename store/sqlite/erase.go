package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// Erase blanks up to limit rows. The payloads are overwritten in the file too,
// not only taken out of the tables; with the last of them the write-ahead log
// is emptied, which holds copies. A reader in the middle of a read can prevent
// that: then they go with the next stream that is erased to its end, with Erase
// once more, or with Close.
func (s *Store) Erase(ctx context.Context, name message.Stream, limit int) (bool, error) {
	done := false
	err := s.committer.do(ctx, func(t *tx) (err error) {
		done, err = t.erase(name, limit)
		return err
	})
	if err != nil {
		return false, err // done may still be written: the outcome can be unknown
	}
	if done {
		s.emptyLog(ctx)
	}
	return done, nil
}

// emptyLog folds the write-ahead log into the file and cuts it to nothing. It
// has a connection of its own, which gives up soon: writes wait for as long as
// it waits for readers. What was to be stored is stored already, so an error
// changes nothing.
func (s *Store) emptyLog(ctx context.Context) {
	leave, err := s.enter(ctx)
	if err != nil {
		return
	}
	defer leave()
	db, err := connect(s.path, logPragmas, 1)
	if err != nil {
		return
	}
	defer db.Close()
	_, _ = db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
}

func (t *tx) erase(name message.Stream, limit int) (done bool, err error) {
	var next message.Version
	err = t.one([]any{&next}, `SELECT next_version FROM erasures WHERE service_group = ? AND stream = ?`, t.group, string(name))
	if errors.Is(err, sql.ErrNoRows) {
		return true, t.checkErased(name)
	}
	if err != nil {
		return false, err
	}
	left, err := t.deleteRows(name, max(limit, 0))
	if err != nil || left == 0 {
		return false, err
	}
	return t.blankEvents(name, next, left)
}

func (t *tx) checkErased(name message.Stream) error {
	var kind string
	err := t.one([]any{&kind}, `SELECT type FROM events WHERE service_group = ? AND stream = ? ORDER BY version DESC LIMIT 1`, t.group, string(name))
	if err == nil && kind == store.TypeErased {
		return nil
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return fmt.Errorf("erase stream %q: %w", name, store.ErrNotErased)
}

// deleteRows deletes alarms, snapshot and state, and returns what is left of limit.
func (t *tx) deleteRows(name message.Stream, limit int) (left int, err error) {
	for _, table := range []string{"alarms", "snapshots", "states"} {
		n, err := t.affected(`DELETE FROM `+table+` WHERE rowid IN (SELECT rowid FROM `+table+` WHERE service_group = ? AND stream = ? LIMIT ?)`,
			t.group, string(name), limit)
		if err != nil {
			return 0, err
		}
		limit -= n
	}
	return limit, nil
}

// blankEvents goes on at a version, and keeps how far it came.
func (t *tx) blankEvents(name message.Stream, next message.Version, limit int) (done bool, err error) {
	n, err := t.affected(`
		UPDATE events SET data = NULL, metadata = NULL, command = NULL
		WHERE service_group = ?1 AND stream = ?2 AND version IN (
			SELECT version FROM events WHERE service_group = ?1 AND stream = ?2 AND version >= ?3 ORDER BY version LIMIT ?4)`,
		t.group, string(name), int64(next), limit)
	if err != nil {
		return false, err
	}
	if n < limit {
		_, err := t.exec(`DELETE FROM erasures WHERE service_group = ? AND stream = ?`, t.group, string(name))
		return true, err
	}
	_, err = t.exec(`
		UPDATE erasures SET next_version = 1 + (SELECT max(version) FROM (
			SELECT version FROM events WHERE service_group = ?1 AND stream = ?2 AND version >= ?3 ORDER BY version LIMIT ?4))
		WHERE service_group = ?1 AND stream = ?2`, t.group, string(name), int64(next), limit)
	return false, err
}

// PendingErasures names erased streams that still hold payloads.
func (s *Store) PendingErasures(ctx context.Context, limit int) ([]message.Stream, error) {
	var names []message.Stream
	err := s.each(ctx, "read the erasures", func(rows *sql.Rows) error {
		var name message.Stream
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	}, pendingErasures, s.group, max(limit, 0))
	return names, err
}
