package pgtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"testing"
)

// Options of a server.
type Options struct {
	// Settings go into postgresql.conf, over the package's own.
	Settings map[string]string
	// DataDir is the folder in which the server makes the folder of its
	// data, for a file system of another kind. The default is os.TempDir().
	DataDir string
}

// Server is a PostgreSQL server on loopback that belongs to one test. Its
// superuser is postgres, without a password; fsync is on. Its methods are not
// for concurrent use.
type Server struct {
	t        testing.TB // nil if it belongs to no test
	keeper   *keeper
	port     int
	parent   string // of the folder of its data
	settings map[string]string
	running  bool
	closed   bool
}

// Start starts a server that ends with the test. It skips the test if the
// machine has no PostgreSQL; with CI=true it fails it.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Launch(t.Context(), o)
	if err != nil {
		giveUp(t, err)
	}
	s.t = t
	t.Cleanup(func() {
		if t.Failed() && !s.closed {
			t.Logf("the server's log:\n%s", s.keeper.log())
		}
		s.Stop()
	})
	return s
}

// Launch is Start outside of tests. The server ends with [Server.Stop], or
// with the process.
func Launch(ctx context.Context, o Options) (*Server, error) {
	bin, err := findBinaries(ctx)
	if err != nil {
		return nil, err
	}
	parent := o.DataDir
	if parent == "" {
		parent = os.TempDir()
	}
	s := &Server{parent: parent, settings: map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "",
		"max_connections":         "300",
		"fsync":                   "on",
		"log_line_prefix":         "%m [%p] ",
	}}
	maps.Copy(s.settings, o.Settings)
	if s.port, err = freePort(ctx); err != nil {
		return nil, err
	}
	// The language decides the words of errors, and the log is read by people.
	if s.keeper, err = newKeeper(parent, "QUIT", "PGBIN="+bin, "LC_ALL=C", "LANGUAGE="); err != nil {
		return nil, err
	}
	err = s.keeper.do(`"$PGBIN/initdb" -D data -U postgres -A trust -E UTF8 --no-locale --no-sync`)
	if err == nil {
		err = s.keeper.do(`echo "include 'settings.conf'" >>data/postgresql.conf`)
	}
	if err == nil {
		err = s.start(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a PostgreSQL server: %w", err), s.keeper.close())
	}
	return s, nil
}

// start starts the server on the data that it has and waits until it accepts
// connections.
func (s *Server) start(ctx context.Context) error {
	if err := s.writeSettings(); err != nil {
		return err
	}
	if err := s.keeper.start(fmt.Sprintf(`"$PGBIN/postgres" -D data -p %d`, s.port)); err != nil {
		return err
	}
	s.running = true
	err := s.keeper.ready(ctx, s.address())
	if errors.Is(err, errEnded) {
		s.running = false
		return errors.Join(err, s.keeper.reap("QUIT"))
	}
	if err != nil {
		return errors.Join(err, s.end("QUIT"))
	}
	return nil
}

// end ends the server's processes and leaves its data.
func (s *Server) end(signal string) error {
	if !s.running {
		return nil
	}
	s.running = false
	return s.keeper.kill(signal)
}

// Kill kills the postmaster with SIGKILL. The other processes of the server
// end by themselves when they see that; Kill waits for the last. The data stays
// for [Server.Restart].
func (s *Server) Kill() { s.report(s.end("KILL")) }

// Halt stops the server at once but in order (SIGQUIT): all connections are
// cut, the next start recovers. The data stays for [Server.Restart].
func (s *Server) Halt() { s.report(s.end("QUIT")) }

// Restart starts a server that was killed, or stops and starts one that runs,
// on the same port and data, and waits until it accepts connections.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.end("QUIT"); err != nil {
		t.Fatalf("stop the server: %v", err)
	}
	if err := s.start(t.Context()); err != nil {
		t.Fatalf("restart the server: %v", err)
	}
}

// Stop ends the server at once and removes its data. It may be called twice.
func (s *Server) Stop() {
	if s.closed {
		return
	}
	s.closed, s.running = true, false
	s.report(s.keeper.close())
}

// report fails the test, which has to go on to its clean-up.
func (s *Server) report(err error) {
	switch {
	case err == nil:
	case s.t == nil:
		panic(err)
	default:
		s.t.Helper()
		s.t.Errorf("the PostgreSQL server: %v", err)
	}
}

// Addr is where the server listens, host:port.
func (s *Server) Addr() string { return loopback(s.port) }

// Superuser returns the URL of the superuser, with no schema in it.
func (s *Server) Superuser(testing.TB) string { return s.address() }

func (s *Server) address() string {
	return "postgres://postgres@" + s.Addr() + "/postgres?sslmode=disable"
}

// Log returns the end of the server's log.
func (s *Server) Log() string { return s.keeper.log() }
