package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/sqlite"
	"github.com/ringhold/ringhold/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Harness {
		return storetest.Harness{
			Locate: func(t testing.TB) string { t.Helper(); return filepath.Join(t.TempDir(), "bank.db") },
			Open: func(ctx context.Context, place string) (store.Store, error) {
				s, err := sqlite.Open(ctx, sqlite.Config{Path: place, Group: "default.bank", Owner: "the suite", Migrate: true})
				if err != nil {
					return nil, err // not a nil *sqlite.Store in an interface
				}
				return s, nil
			},
			Survives:  true,
			Exclusive: true,
		}
	})
}
