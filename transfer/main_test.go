package transfer

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/memory"
	"github.com/ringhold/ringhold/store/postgres"
	"github.com/ringhold/ringhold/store/sqlite"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const (
	group = "default.bank"
	slots = 8
)

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
	Context() context.Context
	Cleanup(f func())
}

// full is a store that can be moved.
type full interface {
	store.Store
	store.Exporter
}

func inMemory() full { return memory.New(memory.Config{Group: group}) }

func inFile(t fataler, path string) full {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Group: group, Migrate: true})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// inDatabase opens a group of a database.
func inDatabase(t fataler, url, group string) full {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{URL: url, Group: group, Migrate: true})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// member joins and raises its writer.
func member(t fataler, st full, id store.MemberID) Target {
	t.Helper()
	r, err := st.Join(t.Context(), store.Member{ID: id, Address: "test", Writers: 1}, time.Hour)
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	w, err := st.Writer(t.Context(), id, 0)
	if err != nil {
		t.Fatalf("writer: %v", err)
	}
	if err := w.Raise(t.Context(), 1); err != nil {
		t.Fatalf("raise: %v", err)
	}
	return Target{Store: st, Writer: w, Member: id, Gen: 1, Now: r.Now}
}

// acquired takes all slots.
func acquired(t fataler, to Target) map[ring.Slot]store.Claim {
	t.Helper()
	all := make([]ring.Slot, slots)
	for i := range all {
		all[i] = ring.Slot(i)
	}
	claims, err := to.Writer.Acquire(t.Context(), all)
	if err != nil || len(claims) != slots {
		t.Fatalf("acquired %d slots, %v", len(claims), err)
	}
	out := map[ring.Slot]store.Claim{}
	for _, c := range claims {
		out[c.Slot] = c
	}
	return out
}

func ringSlot(n int) ring.Slot { return ring.Slot(n) }
