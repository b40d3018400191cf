package pgtest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Set changes settings of the server. If it runs it is told to read them again,
// and Set waits until new connections have them; open ones follow when they are
// idle. Settings that the server only reads at its start wait for Restart.
func (s *Server) Set(t testing.TB, settings map[string]string) {
	t.Helper()
	maps.Copy(s.settings, settings)
	if err := s.writeSettings(); err != nil {
		t.Fatal(err)
	}
	if !s.running {
		return
	}
	if err := s.reload(t.Context()); err != nil {
		t.Fatalf("change the server's settings: %v", err)
	}
}

// reload waits until a new connection knows of a newer reading of the settings.
// A connection inherits its time from the postmaster.
func (s *Server) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	before, err := s.loaded(ctx, "SELECT pg_conf_load_time() FROM pg_reload_conf()")
	for err == nil {
		var now time.Time
		if now, err = s.loaded(ctx, "SELECT pg_conf_load_time()"); err == nil && now.After(before) {
			return nil
		}
	}
	return err
}

func (s *Server) loaded(ctx context.Context, query string) (at time.Time, err error) {
	conn, err := pgx.Connect(ctx, s.address())
	if err != nil {
		return at, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return at, conn.QueryRow(ctx, query).Scan(&at)
}

func (s *Server) writeSettings() error {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.settings)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(s.settings[name], "'", "''"))
	}
	path := filepath.Join(s.keeper.dir, "data", "settings.conf")
	// The server reads it as another user if this process is root.
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("write the server's settings: %w", err)
	}
	return nil
}
