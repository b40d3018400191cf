package postgres

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// SignalRight says whether this process may end the sessions of the processes
// that serve the group beside it: a start that takes over from one that was
// paused in the middle of a write has to. PostgreSQL allows it between sessions of
// one role, and to pg_signal_backend; sessions of superusers are left alone.
type SignalRight struct {
	Role   string   // of this process
	Others []string // roles of sessions of the group that it may not end, in order
	Advice string   // what a person can do; empty if nothing is missing
}

// Missing reports whether there are sessions that this process may not end.
func (r SignalRight) Missing() bool { return len(r.Others) > 0 }

// String says it in one line.
func (r SignalRight) String() string {
	if !r.Missing() {
		return fmt.Sprintf("the role %q may end the sessions of its group", r.Role)
	}
	return fmt.Sprintf("the role %q may not end sessions of %s, so a write that one of them leaves half-sent could hold up whoever takes over: %s",
		r.Role, strings.Join(r.Others, ", "), r.Advice)
}

// serving is the key of the lock by which sessions are known to be of the group,
// to every role; nobody waits for it.
func serving(schema, group string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("ringhold serves\x00" + schema + "\x00" + group)) // it never fails
	return int64(h.Sum64())                                                 //nolint:gosec // the bits are what counts
}

// beKnown lets a session be known as one that writes for the group, and may hold
// rows that others wait for.
func (s *Store) beKnown() string {
	return `, pg_try_advisory_lock_shared(` + strconv.FormatInt(serving(s.schema, s.group), 10) + `)`
}

// unendable gives the roles of the group's sessions that this one may not end,
// and whether they are superusers'. $1 is the group's key.
const unendable = `
SELECT DISTINCT r.rolname::text, r.rolsuper
FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid JOIN pg_roles AS r ON r.oid = a.usesysid
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
  AND (l.classid::bigint << 32 | l.objid::bigint) = $1 AND r.rolname <> current_user
  AND (r.rolsuper OR NOT (pg_has_role(r.oid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE')))
ORDER BY 1`

// SignalRight asks the server. What it says may change with each process that
// comes or goes.
func (s *Store) SignalRight(ctx context.Context) (SignalRight, error) {
	right, super := SignalRight{Role: s.config.User}, false
	err := s.each(ctx, "look for the right to end sessions in", unendable, func(p *params) { p.int8(serving(s.schema, s.group)) },
		func() { right.Others, super = nil, false }, func(v [][]byte) error {
			right.Others = append(right.Others, string(v[0]))
			super = super || v[1][0] == 1
			return nil
		})
	switch {
	case !right.Missing():
	case super:
		right.Advice = "let all processes of the group connect as one role that is no superuser"
	default:
		right.Advice = s.signalAdvice()
	}
	return right, err
}

// signalAdvice is what gives the right.
func (s *Store) signalAdvice() string {
	return fmt.Sprintf("GRANT pg_signal_backend TO %s, or let all members connect as one role", quote(s.config.User))
}

// warnOfSignals logs a missing right: without it everything runs, until a process
// has to be taken over from that holds something.
func (s *Store) warnOfSignals(ctx context.Context) error {
	right, err := s.SignalRight(ctx)
	if err == nil && right.Missing() {
		s.log.Warn("the right to end sessions of other processes of the group is missing", "store", s.url, "role", right.Role, "sessions_of", right.Others, "advice", right.Advice)
	}
	return err
}
