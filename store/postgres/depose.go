package postgres

import (
	"context"
	"errors"

	"github.com/ringhold/ringhold/store"
)

var deposeMember = call("depose_v1", 5)

// errNotAlone answers Depose.Alone: nothing here locks a group for one process.
var errNotAlone = errors.New("depose: a group in PostgreSQL is never one process's alone")

// Depose fences a member off, on a connection of its own: it may have to wait
// for what its member has under way, and renewals must not wait with it.
func (s *Store) Depose(ctx context.Context, d store.Depose) (bool, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	if d.Alone {
		return false, errNotAlone
	}
	se, err := s.connect(ctx, "deposer", s.timeout)
	if err != nil {
		return false, err
	}
	defer se.kill() // or end: killing what has ended is harmless
	se.within(s.timeout)
	if _, err := se.prepare(ctx, deposeMember); err != nil {
		return false, s.explain("depose in", err)
	}
	se.within(s.timeout)
	var p params
	p.text(s.group)
	p.text(string(d.Member))
	p.int8(d.Patience.Microseconds())
	p.time(d.Estimate)
	p.text(d.Incarnation)
	deposed := false
	err = s.overtake(ctx, se.conn.PID(), func() error {
		_, err := se.insist(context.Background(), deposeMember, &p, func(v [][]byte) error {
			deposed = v[0][0] == 1
			return nil
		})
		return err
	})
	if err != nil {
		return false, s.explain("depose in", err) // it may still be written: the outcome can be unknown
	}
	se.end()
	return deposed, nil
}
