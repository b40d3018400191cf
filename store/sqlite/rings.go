package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// keptRings is how many of the newest rings stay, for people.
const keptRings = 16

// SaveRing stores r if the newest one has the version after.
func (s *Store) SaveRing(ctx context.Context, r store.Ring, after ring.Number) (bool, error) {
	saved := false
	err := s.committer.do(ctx, func(t *tx) error {
		n, err := t.affected(`INSERT INTO rings (service_group, version, body) SELECT ?1, ?2, ?3
			WHERE ?2 > ?4 AND ?4 = (SELECT coalesce(max(version), 0) FROM rings WHERE service_group = ?1)`, t.group, int64(r.Version), r.Body, int64(after))
		if err != nil || n == 0 {
			return err
		}
		saved = true
		_, err = t.exec(`DELETE FROM rings WHERE service_group = ?1 AND version <= (
			SELECT version FROM rings WHERE service_group = ?1 ORDER BY version DESC LIMIT 1 OFFSET ?2)`, t.group, keptRings)
		return err
	})
	if err != nil {
		return false, err // saved may still be written: the outcome can be unknown
	}
	return saved, nil
}

// LoadRing returns the newest ring.
func (s *Store) LoadRing(ctx context.Context) (store.Ring, error) {
	var r store.Ring
	err := s.one(ctx, "read the ring", []any{&r.Version, &r.Body}, newestRing, s.group)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Ring{}, nil
	}
	return r, err
}
