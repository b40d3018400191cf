package pgtest

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func ask[T any](t testing.TB, conn *pgx.Conn, query string, args ...any) (value T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func run(t testing.TB, conn *pgx.Conn, query string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// A killed server is gone when Kill returns, and has what was committed when
// it is back on the same address.
func TestKillAndRestart(t *testing.T) {
	s := Start(t, Options{Settings: map[string]string{"work_mem": "5MB"}})
	url := s.URL(t)
	conn := connect(t, url)
	if got := ask[string](t, conn, "SHOW work_mem") + " " + ask[string](t, conn, "SHOW fsync"); got != "5MB on" {
		t.Errorf("work_mem and fsync are %s", got)
	}
	schema := ask[string](t, conn, "SHOW search_path")
	run(t, conn, "CREATE SCHEMA "+schema)
	run(t, conn, "CREATE TABLE kept AS SELECT 42 AS n")
	for range 2 {
		s.Kill()
		if _, err := pgx.Connect(t.Context(), url); err == nil {
			t.Fatal("the server still accepts connections")
		}
		if err := conn.Ping(t.Context()); err == nil {
			t.Fatal("an old connection still works")
		}
		s.Restart(t)
		conn = connect(t, url)
		if got := ask[int](t, conn, "SELECT n FROM kept"); got != 42 {
			t.Errorf("the row holds %d after the restart", got)
		}
	}
	s.Restart(t) // of one that runs
	connect(t, url)
}
