// Package storetest is the one suite that every store passes. A store's own
// tests call Run with a Harness; what they test besides is only what is
// peculiar to the store.
package storetest

import (
	"context"
	"os"
	"testing"

	"github.com/ringhold/ringhold/store"
)

// Harness is what the suite has to know of a store.
type Harness struct {
	// Locate names a place for a group that is fresh and empty, and sees to its
	// removal at the end of the test.
	Locate func(t testing.TB) string
	// Open opens the group at a place; Close of what it returns ends that. The
	// crash tests call it in a process of their own, with nothing but the place.
	Open func(ctx context.Context, place string) (store.Store, error)
	// Survives says that what was stored is there when the place is opened
	// again, by another process too.
	Survives bool
	// Exclusive says that a place that is open is locked: a second Open is
	// refused with a *store.LockedError, and Depose accepts Alone.
	Exclusive bool
}

// suite is bound to a store by Run.
type suite struct {
	Harness
}

// Run runs the suite, each case in a group of its own.
func Run(t *testing.T, harness func(t *testing.T) Harness) {
	s := &suite{Harness: harness(t)}
	if place := os.Getenv(crashPlace); place != "" {
		appendUntilKilled(s.Harness, place)
	}
	cases := []testCase{
		{"append/versions", s.appendVersions},
		{"append/conflict names the current version", s.appendConflict},
		{"append/faults of the caller", s.appendFaults},
		{"append/all or nothing", s.appendAllOrNothing},
		{"append/several streams and slots", s.appendSeveral},
		{"append/any bytes", s.appendBytes},
		{"append/recorded at", s.appendRecordedAt},
		{"append/concurrent writers leave no gap", s.appendConcurrent},
		{"append/neighbours of a refused one are stored", s.appendNeighbours},
		{"append/predecessor", s.appendPredecessor},

		{"messages/a repeat is refused", s.messageRepeat},
		{"messages/a repeat is found", s.messageFound},
		{"messages/behind snapshot and deletion", s.messageBehind},
		{"messages/of a state", s.messageState},

		{"read/pages of a stream", s.readStream},
		{"read/pages of a slot", s.readSlot},
		{"read/load", s.load},
		{"read/load 1,000 at once", s.loadMany},
		{"read/10,000 streams", s.listMany},
		{"read/prefixes of difficult ids", s.listPrefixes},

		{"rows/snapshots", s.snapshots},
		{"rows/states", s.states},
		{"rows/alarms", s.alarms},
		{"rows/a refused append leaves none", s.rowsOfRefused},

		{"delete/soft", s.deleteSoft},
		{"delete/soft, of a state", s.deleteState},
		{"delete/erase in chunks", s.erase},
		{"delete/erase refuses others", s.eraseRefused},

		{"fence/older generation", s.fenceGeneration},
		{"fence/late append after raise", s.fenceLate},
		{"fence/writers are apart", s.fenceWriters},
		{"fence/deposed member", s.fenceDeposed},
		{"fence/unknown member", s.fenceUnknown},
		{"fence/depose under load", s.fenceUnderLoad},

		{"members/join", s.join},
		{"members/renew", s.renew},
		{"members/depose", s.depose},
		{"members/depose alone", s.deposeAlone},
		{"members/depose against renewal", s.deposeRace},
		{"members/ring", s.ring},

		{"slots/acquire", s.acquire},
		{"slots/two acquirers never share", s.acquireRace},
		{"slots/release", s.release},
		{"slots/release is fenced", s.releaseFenced},
		{"slots/verify", s.verify},

		{"life/closed", s.closed},
		{"life/contexts", s.contexts},

		{"model/any sequence of operations", s.model},
	}
	if s.Survives {
		cases = append(cases,
			testCase{"life/opened again", s.reopened},
			testCase{"life/erasing goes on", s.eraseReopened},
			testCase{"life/killed while appending", s.killed})
	}
	if s.Exclusive && s.Survives {
		cases = append(cases, testCase{"life/locked", s.locked})
	}
	for _, c := range cases {
		t.Run(c.name, c.run)
	}
}

type testCase struct {
	name string
	run  func(*testing.T)
}

// open opens a fresh group for one test.
func (s *suite) open(t *testing.T) store.Store {
	t.Helper()
	st, err := s.Open(t.Context(), s.Locate(t))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return st
}
