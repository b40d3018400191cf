package postgres

import (
	"context"
	"time"
)

var reapMembers = call("reap_v1", 2)

// Reap removes members that can do nothing any more.
func (s *Store) Reap(ctx context.Context, age time.Duration) (reaped int, err error) {
	err = s.change(ctx, "reap the members of", reapMembers, func(p *params) {
		p.text(s.group)
		p.int8(age.Microseconds())
	}, func(v [][]byte) error {
		reaped = int(getInt4(v[0]))
		return nil
	})
	if err != nil {
		return 0, err
	}
	return reaped, nil
}
