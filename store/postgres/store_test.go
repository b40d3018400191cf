package postgres_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/postgres"
	"github.com/ringhold/ringhold/store/storetest"
)

// TestStore runs the suite with all groups in one schema, as a database has
// them: none may see another's rows.
func TestStore(t *testing.T) {
	var groups atomic.Int64
	storetest.Run(t, func(*testing.T) storetest.Harness {
		return storetest.Harness{
			Locate: func(t testing.TB) string {
				t.Helper()
				return fmt.Sprintf("%s#group-%d-%d", pgtest.CommonURL(t), os.Getpid(), groups.Add(1))
			},
			Open: func(ctx context.Context, place string) (store.Store, error) {
				address, group, _ := strings.Cut(place, "#")
				s, err := postgres.Open(ctx, postgres.Config{URL: address, Group: group, Migrate: true})
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
