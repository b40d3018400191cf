package pgtest

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Through ChangeProcessIDs a client sees another process id than the server's,
// with and without the request for encryption before it.
func TestChangeProcessIDs(t *testing.T) {
	s := Start(t, Options{})
	p := NewProxy(t, s.Addr())
	p.ChangeProcessIDs()
	for _, mode := range []string{"disable", "prefer"} {
		config, err := pgx.ParseConfig("postgres://postgres@" + p.Addr() + "/postgres?sslmode=" + mode)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		told, is := int(conn.PgConn().PID()), ask[int](t, conn, "SELECT pg_backend_pid()")
		if told == is {
			t.Errorf("sslmode=%s: the client was told %d, which is the backend's", mode, told)
		}
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
	direct := connect(t, s.Superuser(t))
	if told, is := int(direct.PgConn().PID()), ask[int](t, direct, "SELECT pg_backend_pid()"); told != is {
		t.Errorf("without the proxy the client was told %d, it is %d", told, is)
	}
}

// The connection of a client that went silent keeps its lock, since the server
// is not told; that is what StallAfter is for.
func TestStalledClientKeepsItsLock(t *testing.T) {
	s := Start(t, Options{})
	direct := connect(t, s.Superuser(t))
	run(t, direct, "CREATE TABLE rows AS SELECT 1 AS n")
	p := NewProxy(t, s.Addr())
	silent := connect(t, p.URL(s.Superuser(t)))
	run(t, silent, "BEGIN; SELECT * FROM rows FOR UPDATE")
	met := p.StallAfter(0)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var canceller sync.WaitGroup
	canceller.Go(func() {
		<-met
		cancel()
	})
	defer canceller.Wait()
	if _, err := silent.Exec(ctx, "COMMIT"); err == nil {
		t.Fatal("a commit that stalled has succeeded")
	}
	if n := ask[int](t, direct, "SELECT count(*) FROM (SELECT FROM rows FOR UPDATE SKIP LOCKED) AS free"); n != 0 {
		t.Fatal("the row is not locked any more")
	}
	p.Heal()
	ask[int](t, direct, "SELECT n FROM rows FOR UPDATE")
}
