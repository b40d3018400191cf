package pgtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Standby starts a hot standby that follows the server, and ends with the test. The
// server is stopped for a moment, since its data are copied. The standby has what was
// committed a moment later; see [Server.CaughtUp].
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	standby, err := s.launchStandby(t.Context())
	if err != nil {
		t.Fatalf("start a standby: %v", err)
	}
	standby.t = t
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the standby's log:\n%s", standby.keeper.log())
		}
		standby.Stop()
	})
	return standby
}

func (s *Server) launchStandby(ctx context.Context) (*Server, error) {
	bin, err := findBinaries(ctx)
	if err != nil {
		return nil, err
	}
	standby := &Server{parent: s.parent, settings: maps.Clone(s.settings)}
	standby.settings["primary_conninfo"] = fmt.Sprintf("host=127.0.0.1 port=%d user=postgres", s.port)
	if standby.port, err = freePort(ctx); err != nil {
		return nil, err
	}
	if standby.keeper, err = newKeeper(s.parent, "QUIT", "PGBIN="+bin, "LC_ALL=C", "LANGUAGE="); err != nil {
		return nil, err
	}
	err = s.end("INT")
	if err == nil {
		err = standby.keeper.do(fmt.Sprintf(`cp -R -p '%s/data' data && rm -f data/postmaster.pid && : >data/standby.signal`, s.keeper.dir))
	}
	if err == nil {
		err = s.start(ctx)
	}
	if err == nil {
		err = standby.start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, standby.keeper.close())
	}
	return standby, nil
}

// CaughtUp waits until a standby has all that its primary has committed so far.
func (s *Server) CaughtUp(t testing.TB, primary *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	newest, err := value(ctx, primary, "SELECT pg_current_wal_insert_lsn()::text")
	for reached := ""; err == nil && reached != "true"; {
		reached, err = value(ctx, s, "SELECT (pg_last_wal_replay_lsn() >= '"+newest+"'::pg_lsn)::text")
	}
	if err != nil {
		t.Fatalf("wait for the standby: %v", err)
	}
}

func value(ctx context.Context, s *Server, query string) (text string, err error) {
	conn, err := pgx.Connect(ctx, s.address())
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // it has answered
	err = conn.QueryRow(ctx, query).Scan(&text)
	return text, err
}
