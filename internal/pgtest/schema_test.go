package pgtest

import (
	"os"
	"strings"
	"testing"
)

// Two tests never share a schema, and a test leaves none behind.
func TestSchemaOfATestsOwn(t *testing.T) {
	names := map[string]bool{}
	for range 2 {
		t.Run(strings.Repeat("a long name with 'quotes' and Ümlauts ", 3), func(t *testing.T) {
			conn := connect(t, URL(t))
			name := ask[string](t, conn, "SHOW search_path")
			if len(name) > 63 || names[name] {
				t.Errorf("the schema is %q, after %v", name, names)
			}
			names[name] = true
			run(t, conn, "CREATE SCHEMA "+name)
			run(t, conn, "CREATE TABLE a AS SELECT 1")
			if got := ask[string](t, conn, "SELECT 'a'::regclass::oid::regclass::text"); got != "a" {
				t.Errorf("the table is %s", got)
			}
		})
	}
	conn := connect(t, URL(t))
	for name := range names {
		if n := ask[int](t, conn, "SELECT count(*) FROM pg_namespace WHERE nspname = $1", name); n != 0 {
			t.Errorf("the schema %s is left", name)
		}
	}
}

// A given server is used, and none is started.
func TestGivenServer(t *testing.T) {
	s := Start(t, Options{})
	t.Setenv(Variable, s.Superuser(t))
	url := URL(t)
	if !strings.Contains(url, s.Addr()) {
		t.Errorf("%s is set, and the URL is %s", Variable, url)
	}
	conn := connect(t, url)
	t.Logf("%s, pid %d", ask[string](t, conn, "SHOW server_version"), os.Getpid())
}

func TestSetReloads(t *testing.T) {
	s := Start(t, Options{})
	s.Set(t, map[string]string{"default_transaction_read_only": "on", "application_name": "it's"})
	conn := connect(t, s.Superuser(t))
	if got := ask[string](t, conn, "SHOW default_transaction_read_only"); got != "on" {
		t.Errorf("a new connection has %q", got)
	}
	if got := ask[string](t, conn, "SHOW application_name"); got != "it's" {
		t.Errorf("the application's name is %q", got)
	}
	s.Halt()
	s.Set(t, map[string]string{"default_transaction_read_only": "off"})
	s.Restart(t)
	if got := ask[string](t, connect(t, s.Superuser(t)), "SHOW default_transaction_read_only"); got != "off" {
		t.Errorf("after the restart it is %q", got)
	}
}
