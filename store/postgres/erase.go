package postgres

import (
	"context"
	"fmt"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

var eraseRows = call("erase_v1", 3)

// Erase blanks up to limit rows. The old rows are in the tables' files until
// vacuum comes, and in the write-ahead log for as long as that is kept.
func (s *Store) Erase(ctx context.Context, name message.Stream, limit int) (done bool, err error) {
	err = s.change(ctx, "erase in", eraseRows, func(p *params) {
		p.text(s.group)
		p.text(string(name))
		p.int8(int64(max(limit, 0)))
	}, func(v [][]byte) error {
		done = v[0][0] == 1
		return nil
	})
	if sqlState(err) == stateNotErased {
		return false, fmt.Errorf("erase stream %q: %w", name, store.ErrNotErased)
	}
	return done && err == nil, err
}

const pendingErasures = `SELECT stream FROM erasures WHERE service_group = $1 ORDER BY stream LIMIT $2`

// PendingErasures names erased streams that still hold payloads.
func (s *Store) PendingErasures(ctx context.Context, limit int) ([]message.Stream, error) {
	var names []message.Stream
	err := s.each(ctx, "read the erasures of", pendingErasures, func(p *params) {
		p.text(s.group)
		p.int8(int64(max(limit, 0)))
	}, func() { names = nil }, func(v [][]byte) error {
		names = append(names, message.Stream(v[0]))
		return nil
	})
	return names, err
}
