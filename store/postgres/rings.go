package postgres

import (
	"context"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

var saveRing = call("save_ring_v1", 4)

// SaveRing stores r if the newest one has the version after.
func (s *Store) SaveRing(ctx context.Context, r store.Ring, after ring.Number) (saved bool, err error) {
	err = s.change(ctx, "save the ring in", saveRing, func(p *params) {
		p.text(s.group)
		p.int8(int64(r.Version)) //nolint:gosec // rings are counted from 1
		p.bytes(r.Body)
		p.int8(int64(after)) //nolint:gosec // as above
	}, func(v [][]byte) error {
		saved = v[0][0] == 1
		return nil
	})
	return saved && err == nil, err
}

const newestRing = `SELECT version, body FROM rings WHERE service_group = $1 ORDER BY version DESC LIMIT 1`

// LoadRing returns the newest ring.
func (s *Store) LoadRing(ctx context.Context) (store.Ring, error) {
	var r store.Ring
	err := s.each(ctx, "read the ring of", newestRing, func(p *params) { p.text(s.group) }, func() { r = store.Ring{} }, func(v [][]byte) error {
		r = store.Ring{Version: ring.Number(getInt8(v[0])), Body: clone(v[1])} //nolint:gosec // never negative
		return nil
	})
	return r, err
}
