package sqlite

import (
	"context"
	"time"
)

// Reap removes members that can do nothing any more.
func (s *Store) Reap(ctx context.Context, age time.Duration) (int, error) {
	reaped := 0
	err := s.committer.do(ctx, func(t *tx) error {
		before := s.now().Add(-age).UnixMicro()
		if _, err := t.exec(reapFences, t.group, before); err != nil {
			return err
		}
		n, err := t.affected(reapMembers, t.group, before)
		reaped = n
		return err
	})
	if err != nil {
		return 0, err // reaped may still be written: the outcome can be unknown
	}
	return reaped, nil
}

const (
	reapable    = `deposed AND lease_until < ?2 AND NOT EXISTS (SELECT 1 FROM slots AS s WHERE s.service_group = ?1 AND s.owner = m.member)`
	reapMembers = `DELETE FROM members AS m WHERE service_group = ?1 AND ` + reapable
	reapFences  = `DELETE FROM fences WHERE service_group = ?1 AND member IN (SELECT member FROM members AS m WHERE service_group = ?1 AND ` + reapable + `)`
)
