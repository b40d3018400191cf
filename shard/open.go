package shard

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/memory"
	"github.com/ringhold/ringhold/store/sqlite"
)

// inMemory reports whether the store of an address is gone with the process.
func inMemory(address string) bool { return address == "memory:" || address == "memory" }

// openStore opens the store that a URL names: sqlite:PATH, or memory: for one
// that is gone with the process. owner is what a second process is told.
func openStore(ctx context.Context, address, group, owner string, migrate bool) (store.Store, error) {
	kind, path, found := strings.Cut(address, ":")
	switch {
	case inMemory(address):
		return memory.New(memory.Config{Group: group}), nil
	case found && kind == "sqlite":
		path = strings.TrimPrefix(path, "//")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, fmt.Errorf("make the data directory: %w", err)
		}
		return sqlite.Open(ctx, sqlite.Config{Path: path, Group: group, Owner: owner, Migrate: migrate})
	}
	if u, err := url.Parse(address); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		return nil, usagef("--store: PostgreSQL is not served by this release: give sqlite:PATH, or memory: for a store that is gone at the end")
	}
	return nil, usagef("--store: %q is neither sqlite:PATH nor memory: (which takes no path)", address)
}
