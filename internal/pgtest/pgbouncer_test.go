package pgtest

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// The pooler is a pooler: clients share a session of the server, and are told
// a process id that is not the backend's.
func TestPgbouncer(t *testing.T) {
	s := Start(t, Options{})
	url := Pgbouncer(t, s)
	a, b := connect(t, url), connect(t, url)
	const backend = "SELECT pg_backend_pid()"
	// A prepared statement would be one of whichever session comes next.
	const mode = pgx.QueryExecModeSimpleProtocol
	first, second := ask[int](t, a, backend, mode), ask[int](t, b, backend, mode)
	if first != second {
		t.Errorf("two idle clients have the backends %d and %d", first, second)
	}
	if told := int(a.PgConn().PID()); told == first {
		t.Errorf("the client was told the backend's own process id, %d", told)
	}
}
