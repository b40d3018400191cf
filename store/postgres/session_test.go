package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// TestSessionEnds: a writer whose session has ended knows nothing for certain
// any more, although nothing was under way: the server may be another one, which
// lacks what the last one had. Only a new generation goes on.
func TestSessionEnds(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	m := newTestMember(t, s, "a", 0, time.Hour)
	m.mustAppend("accounts-a", 0, "")
	_ = m.w.(*writer).session.wire.Close() // it is found out before anything is sent
	if err := m.append("accounts-a", 1, ""); err == nil || errors.As(err, new(*store.UnknownOutcomeError)) {
		t.Errorf("an append on a connection that is closed ends with %v", err)
	}
	for name, call := range map[string]func() error{
		"append":  func() error { return m.append("accounts-a", 1, "") },
		"acquire": func() error { _, err := m.w.Acquire(t.Context(), []ring.Slot{1}); return err },
		"release": func() error { return m.w.Release(t.Context(), []store.Claim{m.claim}) },
		"verify":  func() error { _, err := m.w.Verify(t.Context(), []store.Claim{m.claim}); return err },
	} {
		if err := call(); !errors.As(err, new(*store.UnknownOutcomeError)) || !errors.Is(err, errInDoubt) {
			t.Errorf("%s behind the end of the session ends with %v", name, err)
		}
	}
	m.raise(2)
	m.mustAppend("accounts-a", 1, "")
	m.w.(*writer).session.kill() // between two calls
	if err := m.append("accounts-a", 2, ""); !errors.As(err, new(*store.UnknownOutcomeError)) {
		t.Errorf("an append behind the end of the session ends with %v", err)
	}
}

// TestSessionsName is the session's own: nothing that repeats the start of one
// session gives it to another.
func TestSessionsName(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	se := newTestMember(t, s, "a", 0, time.Hour).w.(*writer).session
	const show = `SELECT coalesce(current_setting('` + sessionSetting + `', true), '')`
	if got := string(run(t, se.conn, show)[0][0]); got == "" || got != se.name {
		t.Errorf("the session's name is %q, want %q", got, se.name)
	}
	if got := string(run(t, se.conn, `RESET `+sessionSetting+`; `+show)[0][0]); got != "" {
		t.Errorf("the session was started with the name %q", got)
	}
}

// TestStalledPreparation: a server that falls silent before the statement proper
// is not waited for longer than for a write.
func TestStalledPreparation(t *testing.T) {
	for mark, call := range map[string]func(*testMember, *Store) error{
		"raise_v1": func(m *testMember, _ *Store) error { return m.w.Raise(m.t.Context(), 2) },
		"client_connection_check_interval": func(m *testMember, _ *Store) error {
			return m.w.Raise(m.t.Context(), 2)
		},
		"depose_v1": func(m *testMember, s *Store) error {
			_, err := s.Depose(m.t.Context(), store.Depose{Member: "a", Estimate: time.Now(), Incarnation: "x"})
			return err
		},
	} {
		t.Run(strings.ReplaceAll(mark, "_", ""), func(t *testing.T) {
			_, through, proxy := proxied(t)
			m := newTestMember(t, through, "a", 0, time.Hour)
			m.w.(*writer).session.kill() // so that all is prepared anew
			proxy.Only(mark)
			met := proxy.StallAfter(0)
			ended := make(chan error, 1)
			go func() { ended <- call(m, through) }()
			<-met
			select {
			case err := <-ended:
				if err == nil {
					t.Error("it succeeds")
				}
			case <-time.After(soon / 3):
				proxy.Resume()
				t.Fatalf("it goes on and ends, once the server answers, with %v", <-ended)
			}
			proxy.Resume()
		})
	}
}

// TestReadOnlyForAWhile has the database take no writes, for its sessions or for
// new ones: when it does again, leases and writers go on.
func TestReadOnlyForAWhile(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	s := openTest(t, Config{URL: server.Superuser(t)})
	m := newTestMember(t, s, "a", 0, time.Hour)
	renew := func() error { _, err := s.Renew(t.Context(), "a", time.Hour, false); return err }
	refused := func(what string, err error) {
		t.Helper()
		if e := new(Error); !errors.As(err, &e) || e.Kind != ReadOnly || !strings.Contains(err.Error(), "primary") {
			t.Errorf("%s ends with %v", what, err)
		}
	}
	const off = `SET default_transaction_read_only = on`
	run(t, s.leases.session.conn, off)
	refused("a renewal in a read-only session", renew())
	if err := renew(); err != nil {
		t.Errorf("the next renewal ends with %v", err)
	}
	run(t, m.w.(*writer).session.conn, off)
	refused("an append in a read-only session", m.append("accounts-a", 0, ""))
	m.raise(2)
	m.mustAppend("accounts-a", 0, "")

	admin := raw(t, s)
	run(t, admin, `ALTER DATABASE postgres SET default_transaction_read_only = on`)
	run(t, admin, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name IN ('ringhold writer', 'ringhold leases', 'ringhold reads')`)
	if err := renew(); err == nil {
		t.Error("a renewal succeeds on a session that was terminated")
	}
	for range 2 {
		refused("a renewal", renew())
		refused("a raise", func() error { _ = m.w.Raise(t.Context(), 3); return m.w.Raise(t.Context(), 4) }())
	}
	_, err := Open(t.Context(), Config{URL: server.Superuser(t), Group: testGroup})
	refused("opening it", err)
	reader, err := Open(t.Context(), Config{URL: server.Superuser(t), Group: testGroup, ReadOnly: true})
	if err != nil {
		t.Fatalf("opened for reading: %v", err)
	}
	if stored(t, reader, 0) != 1 {
		t.Error("the reader sees another log")
	}
	_, err = reader.Join(t.Context(), store.Member{ID: "r", Writers: 1}, time.Hour)
	refused("joining for reading", err)
	if err := reader.Close(); err != nil {
		t.Error(err)
	}

	run(t, admin, `SET default_transaction_read_only = off; ALTER DATABASE postgres RESET default_transaction_read_only`)
	if err := renew(); err != nil {
		t.Errorf("a renewal ends with %v when the database takes writes again", err)
	}
	m.raise(5)
	m.mustAppend("accounts-a", 1, "")
}

// TestSettingsOfOthers: what a role, a database or a URL sets neither weakens
// what is acknowledged nor ends sessions.
func TestSettingsOfOthers(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	s := openTest(t, Config{URL: server.Superuser(t)})
	m := newTestMember(t, s, "a", 0, time.Hour)
	admin := raw(t, s)
	for name, value := range map[string]string{"lock_timeout": "1", "idle_session_timeout": "5000", "default_transaction_isolation": "serializable", "synchronous_commit": "local"} {
		run(t, admin, fmt.Sprintf(`ALTER DATABASE postgres SET %s = %q`, name, value))
	}
	m.w.(*writer).session.kill()
	m.raise(2)
	show := `SELECT current_setting('lock_timeout') || ' ' || current_setting('idle_session_timeout') || ' ' || current_setting('transaction_isolation') ||
		' ' || current_setting('synchronous_commit') || ' ' || current_setting('client_connection_check_interval')`
	if got := string(run(t, m.w.(*writer).session.conn, show)[0][0]); got != "0 0 read committed local 1s" {
		t.Errorf("the settings of a session are %q", got)
	}
	refused := func(what string, err error) {
		t.Helper()
		if e := new(Error); !errors.As(err, &e) || e.Kind != NotDurable || !strings.Contains(err.Error(), "synchronous_commit") {
			t.Errorf("%s ends with %v", what, err)
		}
	}
	_, err := Open(t.Context(), Config{URL: changed(t, server.Superuser(t), func(_ *url.URL, q url.Values) { q.Set("synchronous_commit", "off") }), Group: testGroup})
	refused("opening it with a URL that sets it", err)
	run(t, admin, `ALTER DATABASE postgres SET synchronous_commit = off`)
	_, err = Open(t.Context(), Config{URL: server.Superuser(t), Group: testGroup})
	refused("opening it", err)
	m.w.(*writer).session.kill()
	refused("raising with a new session", m.w.Raise(t.Context(), 3))
}

// TestTablesHolderIsLeft: whoever holds a whole table, such as a migration, is
// not terminated.
func TestTablesHolderIsLeft(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: time.Second})
	m := newTestMember(t, s, "a", 0, time.Hour)
	holds := raw(t, s)
	run(t, holds, `BEGIN; LOCK TABLE fences`)
	if err := m.w.Raise(t.Context(), 2); err == nil {
		t.Error("a raise succeeds while the table is locked")
	}
	run(t, holds, `COMMIT`) // it is still there
}

// TestPublic: who calls a service learns no address, role or advice.
func TestPublic(t *testing.T) {
	for k := Other; k <= Interrupted; k++ {
		e := &Error{Kind: k, Doing: "open", URL: "postgres://role@host/db", Advice: "GRANT it", Err: errors.New("refused")}
		if got := e.Public(); got == "" || k != Other && got == Other.String() || strings.Contains(got, "host") || strings.Contains(got, "role@") {
			t.Errorf("kind %d is called %q", k, got)
		}
	}
}

// TestCancelled: a context that its owner ended is not a fault of the database,
// nor is a pool that is in use.
func TestCancelled(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), ReadConnections: 1, WriteTimeout: 100 * time.Millisecond})
	if err := s.explain("raise", fmt.Errorf("dial: %w", context.Canceled)); errors.As(err, new(*Error)) {
		t.Errorf("a cancelled call is explained as %v", err)
	}
	se, _, err := s.reads.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.reads.give(se)
	_, err = s.SaveRing(t.Context(), store.Ring{Version: 1}, 0)
	if e := new(Error); !errors.As(err, &e) || e.Kind != Other || !errors.Is(err, errPoolBusy) {
		t.Errorf("with all connections in use a ring is saved with %v", err)
	}
}
