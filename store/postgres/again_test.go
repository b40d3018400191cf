package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// TestAcquireOvertakes has half an append of a member whose row is gone hold its
// fence: who takes its slot does not wait for it for long.
func TestAcquireOvertakes(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	gone := newTestMember(t, s, "gone", 3, time.Hour)
	gone.mustAppend("accounts-a", 0, "")
	heir := newTestMember(t, s, "heir", 4, time.Hour)
	holds := halfAppend(t, s, "gone", int(gone.gen)).PID()
	watch := raw(t, s)
	run(t, watch, `DELETE FROM members WHERE member = 'gone'`)
	began := time.Now()
	claims, err := heir.w.Acquire(t.Context(), []ring.Slot{3})
	took := time.Since(began)
	if err != nil || len(claims) != 1 || claims[0].Epoch != 2 || claims[0].Head != (store.Head{Offset: 0, Epoch: 1}) {
		t.Fatalf("acquired %+v, %v", claims, err)
	}
	if took < patience || took > time.Second {
		t.Errorf("it took %s", took)
	}
	eventually(t, watch, "the session that held the fence ended", fmt.Sprintf(`SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = %d)`, holds))
	if err := gone.append("accounts-a", 1, ""); !errors.As(err, new(*store.FencedError)) {
		t.Errorf("an append of the member that is gone ends with %v", err)
	}
}

// deadlocked has the server end the statement of do, which is to wait for what
// the session of other has locked by lock: as soon as it does, other asks for
// what that statement has locked. The server looks for a deadlock on behalf of
// who has waited for as long as its setting says, which is the statement.
func deadlocked(t *testing.T, s *Store, other *pgconn.PgConn, lock, ask string, do func() error) error {
	t.Helper()
	watch := raw(t, s)
	before := deadlocks(t, watch)
	run(t, other, `SET deadlock_timeout = '1h'; BEGIN; `+lock)
	done := make(chan error, 1)
	go func() { done <- do() }()
	eventually(t, watch, "it waits", fmt.Sprintf(`SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND %d = ANY (pg_blocking_pids(pid)))`, other.PID()))
	run(t, other, ask)
	run(t, other, `ROLLBACK`)
	err := <-done
	eventually(t, watch, "the server counts a deadlock", fmt.Sprintf(`SELECT pg_stat_clear_snapshot() IS NOT NULL AND deadlocks > %s FROM pg_stat_database WHERE datname = current_database()`, before))
	return err
}

func deadlocks(t *testing.T, conn *pgconn.PgConn) string {
	t.Helper()
	return string(run(t, conn, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`)[0][0])
}

// deadlockedStore is one of a server whose other sessions are of a superuser,
// which is never terminated, and of a role of its own.
func deadlockedStore(t *testing.T) (s *Store, other *pgconn.PgConn) {
	t.Helper()
	server := pgtest.Start(t, pgtest.Options{Settings: map[string]string{"deadlock_timeout": "1500ms"}})
	admin := openTest(t, Config{URL: server.Superuser(t)})
	other = raw(t, admin)
	run(t, other, `CREATE ROLE serves LOGIN; GRANT USAGE ON SCHEMA ringhold TO serves`)
	for _, grant := range Grants(DefaultSchema, "serves") {
		run(t, other, grant)
	}
	return openTest(t, Config{URL: asRole(t, server.Superuser(t), "serves"), WriteTimeout: soon}), other
}

// TestDeadlock: what the server has rolled back for the sake of others is asked
// for again, and is stored once.
func TestDeadlock(t *testing.T) {
	s, other := deadlockedStore(t)
	m := newTestMember(t, s, "a", 0, time.Hour)
	m.mustAppend("accounts-a", 0, "")
	t.Run("append", func(t *testing.T) {
		err := deadlocked(t, s, other, `INSERT INTO events (service_group, slot, slot_offset, epoch, stream, version, type, schema_version, encoding, recorded_at)
			VALUES ('`+testGroup+`', 0, 1, 1, 'accounts-a', 1, 'happened', 1, 0, now())`,
			`SELECT 1 FROM fences WHERE member = 'a' FOR UPDATE`,
			func() error { return m.append("accounts-a", 1, "") })
		if err != nil {
			t.Errorf("an append ends with %v", err)
		}
		if n := stored(t, s, 0); n != 2 {
			t.Errorf("%d events are stored", n)
		}
		m.mustAppend("accounts-a", 2, "") // the session goes on
	})
	t.Run("acquire", func(t *testing.T) {
		newTestMember(t, s, "gone", 1, time.Hour)
		run(t, other, `DELETE FROM members WHERE member = 'gone'`)
		var claims []store.Claim
		err := deadlocked(t, s, other, `SELECT 1 FROM fences WHERE member = 'gone' FOR UPDATE`, `SELECT 1 FROM fences WHERE member = 'a' FOR UPDATE`, func() (err error) {
			claims, err = m.w.Acquire(context.WithoutCancel(t.Context()), []ring.Slot{1})
			return err
		})
		if err != nil || len(claims) != 1 || claims[0].Epoch != 2 {
			t.Errorf("acquired %+v, %v", claims, err)
		}
	})
}

// TestCancelledStatement: a statement that somebody cancels is not asked for
// again; what it was is known not to be stored, and the writer goes on as it is.
func TestCancelledStatement(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	m := newTestMember(t, s, "a", 0, time.Hour)
	holds, watch := raw(t, s), raw(t, s)
	run(t, holds, `BEGIN; SELECT 1 FROM fences WHERE member = 'a' FOR UPDATE`)
	pid := m.w.(*writer).session.conn.PID()
	done := make(chan error, 1)
	go func() { done <- m.append("accounts-a", 0, "") }()
	eventually(t, watch, "it waits and is cancelled", fmt.Sprintf(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = %d AND wait_event_type = 'Lock'`, pid))
	err := <-done
	if e := new(Error); !errors.As(err, &e) || e.Kind != Interrupted || errors.As(err, new(*store.UnknownOutcomeError)) {
		t.Errorf("an append that was cancelled ends with %v", err)
	}
	run(t, holds, `ROLLBACK`)
	m.mustAppend("accounts-a", 0, "")
}

// TestInterrupted has each of the server's codes, and the ends of a session that
// have the same ones and tell nothing.
func TestInterrupted(t *testing.T) {
	for code, again := range map[string]bool{"40001": true, "40P01": true, "55P03": true, "57014": false} {
		err := fmt.Errorf("append: %w", &pgconn.PgError{SeverityUnlocalized: "ERROR", Code: code})
		if kind, _ := (&Store{}).classify(err); kind != Interrupted || !interrupted(err) || repeatable(err) != again {
			t.Errorf("%s is kind %d, and asked for again: %v", code, kind, repeatable(err))
		}
		for _, lost := range []error{&pgconn.PgError{SeverityUnlocalized: "FATAL", Code: code}, unknown(err)} {
			if kind, _ := (&Store{}).classify(lost); kind == Interrupted || interrupted(lost) {
				t.Errorf("%v is said not to have been stored", lost)
			}
		}
	}
}
