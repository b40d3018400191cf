package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/store"
)

const poison = "pa/ss w?rd-p0ison"

// changed changes a URL.
func changed(t *testing.T, of string, change func(u *url.URL, q url.Values)) string {
	t.Helper()
	u, err := url.Parse(of)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	change(u, q)
	u.RawQuery = q.Encode()
	return u.String()
}

// TestOpenErrors has one kind for each reason, and never the password.
func TestOpenErrors(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	address := changed(t, server.Superuser(t), func(_ *url.URL, q url.Values) { q.Set("search_path", "ringhold_test") })
	s := openTest(t, Config{URL: address})
	admin := raw(t, s)
	run(t, admin, `CREATE ROLE nobody LOGIN; CREATE ROLE crowded LOGIN CONNECTION LIMIT 0; CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA ringhold_test TO reader;
		GRANT SELECT ON ALL TABLES IN SCHEMA ringhold_test TO reader`)
	run(t, admin, `CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`)
	as := func(role string) string {
		return changed(t, address, func(u *url.URL, _ url.Values) { u.User = url.UserPassword(role, poison) })
	}
	for name, c := range map[string]struct {
		url   string
		kind  Kind
		hints []string
	}{
		"no such role":     {as("stranger"), Unauthorized, []string{"stranger"}},
		"no such database": {changed(t, as("postgres"), func(u *url.URL, _ url.Values) { u.Path = "/nowhere" }), NoDatabase, []string{"nowhere"}},
		"unreachable":      {changed(t, as("postgres"), func(u *url.URL, _ url.Values) { u.Host = "127.0.0.1:1" }), Unreachable, []string{"127.0.0.1"}},
		"too many":         {as("crowded"), TooManyConnections, []string{"max_connections"}},
		"read-only":        {changed(t, as("postgres"), func(_ *url.URL, q url.Values) { q.Set("default_transaction_read_only", "on") }), ReadOnly, []string{"primary"}},
		"no usage":         {as("nobody"), MissingRight, []string{"GRANT USAGE ON SCHEMA", "nobody"}},
		"only select":      {as("reader"), MissingRight, []string{"GRANT", "events"}},
		"encoding":         {changed(t, as("postgres"), func(u *url.URL, _ url.Values) { u.Path = "/latin" }), WrongEncoding, []string{"UTF8"}},
		"user's schema":    {changed(t, as("postgres"), func(_ *url.URL, q url.Values) { q.Set("search_path", `"$user", public`) }), Malformed, []string{"$user"}},
		"hidden schema":    {changed(t, as("postgres"), func(_ *url.URL, q url.Values) { q.Set("options", "-c search_path=bank") }), Malformed, []string{"search_path", "options"}},
		"malformed":        {"postgres://postgres:" + url.QueryEscape(poison) + "@host:nonsense/db", Malformed, nil},
		"malformed too":    {changed(t, as("postgres"), func(_ *url.URL, q url.Values) { q.Set("sslmode", "perhaps") }), Malformed, []string{"sslmode"}},
	} {
		_, err := Open(t.Context(), Config{URL: c.url, Group: testGroup, Migrate: true})
		var e *Error
		if !errors.As(err, &e) || e.Kind != c.kind {
			t.Errorf("%s: Open says %v", name, err)
			continue
		}
		for _, hint := range c.hints {
			if !strings.Contains(err.Error(), hint) {
				t.Errorf("%s: Open says nothing of %q: %v", name, hint, err)
			}
		}
		for _, secret := range []string{poison, url.QueryEscape(poison), url.PathEscape(poison), "p0ison"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: Open tells the password: %v", name, err)
			}
		}
	}
}

func TestSchemaVersions(t *testing.T) {
	address := pgtest.URL(t)
	var e *store.SchemaError
	if _, err := Open(t.Context(), Config{URL: address, Group: testGroup}); !errors.As(err, &e) || e.Version != 0 {
		t.Fatalf("without a schema, Open says %v", err)
	}
	var all sync.WaitGroup
	for range 4 { // at once: one of them migrates
		all.Go(func() {
			s, err := Open(context.WithoutCancel(t.Context()), Config{URL: address, Group: testGroup, Migrate: true})
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	all.Wait()
	s := openTest(t, Config{URL: address})
	admin := raw(t, s)
	run(t, admin, `UPDATE schema SET version = 7, min_binary = 1`)
	openTest(t, Config{URL: address}) // a newer schema that says that this binary may use it
	run(t, admin, fmt.Sprintf(`UPDATE schema SET min_binary = %d`, Schema+1))
	if _, err := Open(t.Context(), Config{URL: address, Group: testGroup, Migrate: true}); !errors.As(err, &e) || e.MinBinary != Schema+1 {
		t.Fatalf("with a schema for newer binaries, Open says %v", err)
	}
}

// TestOthersMigrations: an application that migrates itself, in the same schema
// and with the same tool, is not in the way.
func TestOthersMigrations(t *testing.T) {
	address := pgtest.URL(t)
	c, schema, err := parseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	run(t, raw(t, &Store{config: c, schema: schema}), `CREATE SCHEMA `+quote(schema)+`;
		CREATE TABLE goose_db_version (id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT now());
		INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true), (2, true), (3, true), (4, true)`)
	newTestMember(t, openTest(t, Config{URL: address}), "a", 0, time.Hour)
}

// TestPooler has a pooler before the server, known by the process id.
func TestPooler(t *testing.T) {
	address := pgtest.URL(t)
	s := openTest(t, Config{URL: address})
	proxy := pgtest.NewProxy(t, hostPort(s.config))
	proxy.ChangeProcessIDs()
	_, err := Open(t.Context(), Config{URL: proxy.URL(address), Group: testGroup})
	var e *PoolerError
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "4 for reads") {
		t.Fatalf("behind a pooler, Open says %v", err)
	}
}

func TestPgbouncer(t *testing.T) {
	address := pgtest.Pgbouncer(t, pgtest.Start(t, pgtest.Options{}))
	if _, err := Open(t.Context(), Config{URL: address, Group: testGroup, Migrate: true}); !errors.As(err, new(*PoolerError)) {
		t.Fatalf("behind pgbouncer, Open says %v", err)
	}
}

func TestFirstSchema(t *testing.T) {
	for path, want := range map[string]string{
		"": "ringhold", "bank": "bank", "bank, public": "bank", " Bank ": "bank", `"My ""Bank""", public`: `My "Bank"`, `"a,b"`: "a,b",
	} {
		if got := firstSchema(path); got != want {
			t.Errorf("the first schema of %q is %q, want %q", path, got, want)
		}
	}
}

// TestIncarnation is new exactly after a crash of the server, and everything
// goes on by itself.
func TestIncarnation(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	s := openTest(t, Config{URL: server.Superuser(t)})
	m := newTestMember(t, s, "a", 0, time.Hour)
	m.mustAppend("accounts-a", 0, "")
	renew := func() (in string) {
		t.Helper()
		for until := time.Now().Add(soon); time.Now().Before(until); {
			r, err := s.Renew(t.Context(), "a", time.Hour, false)
			if err == nil {
				return r.Incarnation
			}
		}
		t.Fatal("renewals do not recover")
		return ""
	}
	first := renew()
	stopFast(t, s, server)
	server.Restart(t)
	if in := renew(); in != first {
		t.Errorf("the incarnation changed with a restart in order")
	}
	server.Kill()
	server.Restart(t)
	second := renew()
	if second == first {
		t.Error("the incarnation is the same after a crash")
	}
	if stored(t, s, 0) != 1 {
		t.Error("the log is not what it was")
	}
	err := m.append("accounts-a", 1, "")
	for gen := store.Generation(2); errors.As(err, new(*store.UnknownOutcomeError)); gen++ {
		m.raise(gen)
		err = m.append("accounts-a", 1, "")
	}
	if err != nil {
		t.Errorf("the writer does not recover: %v", err)
	}
	if in := renew(); in != second {
		t.Error("the incarnation changed without a crash")
	}
}

// stopFast ends the server as its administrators do: nothing is lost.
func stopFast(t *testing.T, s *Store, server *pgtest.Server) {
	t.Helper()
	run(t, raw(t, s), `COPY (SELECT 1) TO PROGRAM 'kill -INT $(head -n 1 postmaster.pid)'`)
	for until := time.Now().Add(soon); time.Now().Before(until); {
		conn, err := net.DialTimeout("tcp", server.Addr(), time.Second)
		if err != nil {
			return
		}
		_ = conn.Close()
	}
	t.Fatal("the server does not stop")
}
