package postgres_test

import (
	"context"
	"testing"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/postgres"
	"github.com/ringhold/ringhold/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Harness {
		return storetest.Harness{
			Locate: func(t testing.TB) string { t.Helper(); return pgtest.URL(t) },
			Open: func(ctx context.Context, place string) (store.Store, error) {
				s, err := postgres.Open(ctx, postgres.Config{URL: place, Group: "default.bank", Migrate: true})
				if err != nil {
					return nil, err // not a nil *postgres.Store in an interface
				}
				return s, nil
			},
			Survives:  true,
			Exclusive: false,
		}
	})
}
