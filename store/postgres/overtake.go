package postgres

import (
	"context"
	"errors"
	"time"
)

// patience is how long a lock is waited for before what holds it is terminated.
const patience = 250 * time.Millisecond

// terminateBlockers ends the sessions that hold the rows that a session waits
// for, at the roots: not those that wait for a row themselves. Whoever holds a
// whole table, as migrations and VACUUM FULL do, is left alone. Superusers' sessions and the server's own
// processes are left alone, but for those of the same role. So are those who join or depose,
// unless their process is what they wait for: many who do so at once wait for each other's commits.
const terminateBlockers = `
WITH RECURSIVE row_waits (pid) AS MATERIALIZED (
  SELECT l.pid FROM pg_locks AS l WHERE NOT l.granted AND l.locktype IN ('transactionid', 'tuple')),
blockers (pid) AS (
  SELECT unnest(pg_blocking_pids($1)) WHERE $1 IN (SELECT w.pid FROM row_waits AS w)
  UNION
  SELECT unnest(pg_blocking_pids(b.pid)) FROM blockers AS b WHERE b.pid IN (SELECT w.pid FROM row_waits AS w)),
roots AS MATERIALIZED (
  SELECT a.pid, a.application_name
  FROM blockers AS b JOIN pg_stat_activity AS a ON a.pid = b.pid JOIN pg_roles AS r ON r.oid = a.usesysid
  WHERE b.pid NOT IN (SELECT w.pid FROM row_waits AS w) AND coalesce(a.backend_type, 'client backend') = 'client backend'
    AND (NOT r.rolsuper OR r.rolname = current_user)
    AND (a.wait_event = 'ClientRead' OR a.application_name NOT IN ('ringhold leases', 'ringhold deposer')))
SELECT pid, application_name, pg_terminate_backend(pid) FROM roots`

const cancelBackend = `SELECT pg_cancel_backend($1)`

// overtake runs a statement of a session, which may have to wait for a lock
// that somebody holds who will never give it up: a process that is paused or
// cut off in the middle of an append. No timeout of PostgreSQL before 17 ends
// that, so a second connection terminates it. The statement's own timeout
// bounds run.
func (s *Store) overtake(ctx context.Context, pid uint32, run func() error) error {
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	done := make(chan error, 1)
	go func() {
		err := run()
		end() // what terminates has nothing to do any more
		done <- err
	}()
	again := time.NewTicker(patience)
	defer again.Stop()
	var faults []error
	for {
		select {
		case err := <-done:
			if err != nil {
				err = errors.Join(append([]error{err}, faults...)...)
			}
			return err
		case <-again.C:
			// A missing right is told although it made run end, and with it ctx.
			if err := s.terminate(ctx, pid); err != nil && (ctx.Err() == nil || sqlState(err) == "42501") && len(faults) == 0 {
				faults = append(faults, err)
			}
		}
	}
}

// terminate ends what holds up the session with a process id. Without the right
// to do so it withdraws the session's statement.
func (s *Store) terminate(ctx context.Context, waiting uint32) error {
	se, err := s.connect(ctx, "terminator", s.timeout)
	if err != nil {
		return err
	}
	defer se.end()
	var p params
	p.int4(int32(waiting)) //nolint:gosec // process ids are PostgreSQL's integers
	_, err = se.call(ctx, terminateBlockers, &p, func(v [][]byte) error {
		s.log.Warn("terminated a session that held a fence", "pid", getInt4(v[0]), "application", string(v[1]), "terminated", v[2][0] == 1)
		return nil
	})
	if sqlState(err) != "42501" {
		return s.explain("terminate what holds a fence in", err)
	}
	if _, cerr := se.call(ctx, cancelBackend, &p, nil); cerr != nil {
		err = errors.Join(err, cerr)
	}
	return &Error{Kind: MissingRight, Doing: "terminate what holds a fence in", URL: s.url, Err: err,
		Advice: s.signalAdvice()}
}
