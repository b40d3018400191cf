package shard

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/memory"
	"github.com/ringhold/ringhold/store/postgres"
	"github.com/ringhold/ringhold/store/sqlite"
)

// opening says how to open a store.
type opening struct {
	address string // as --store takes it
	group   string
	owner   string       // what a second process is told of this one
	migrate bool         // bring the schema up to date first
	reads   bool         // nothing is written: SELECT is enough, and a standby
	log     *slog.Logger // nil: nobody is told anything
}

// openStore opens the store that an address names: a postgres:// URL, sqlite:PATH,
// or memory: for one that is gone with the process.
func openStore(ctx context.Context, o opening) (store.Store, error) {
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	if err := checkStore(o.address); err != nil {
		return nil, err
	}
	kind, path, _ := strings.Cut(o.address, ":")
	switch {
	case inMemory(o.address):
		return memory.New(memory.Config{Group: o.group}), nil
	case kind == "sqlite":
		path = strings.TrimPrefix(path, "//")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, fmt.Errorf("make the data directory: %w", err)
		}
		return sqlite.Open(ctx, sqlite.Config{Path: path, Group: o.group, Owner: o.owner, Migrate: o.migrate})
	}
	s, err := postgres.Open(ctx, postgres.Config{URL: o.address, Group: o.group, Migrate: o.migrate, Logger: o.log, ReadOnly: o.reads})
	if err != nil {
		return nil, err // not a nil *postgres.Store
	}
	return s, nil
}
