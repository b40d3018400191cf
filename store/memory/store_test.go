package memory_test

import (
	"context"
	"testing"

	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/memory"
	"github.com/ringhold/ringhold/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Harness {
		return storetest.Harness{
			Locate: func(t testing.TB) string { t.Helper(); return t.Name() },
			Open: func(_ context.Context, place string) (store.Store, error) {
				return memory.New(memory.Config{Group: place}), nil
			},
			Exclusive: true,
		}
	})
}
