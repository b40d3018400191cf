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

// Run runs the suite, each case in a group of its own.
func Run(t *testing.T, harness func(t *testing.T) Harness) {
	t.Helper()
	h := harness(t)
	if place := os.Getenv(crashPlace); place != "" {
		appendUntilKilled(h, place)
	}
	for _, c := range cases(h) {
		t.Run(c.name, func(t *testing.T) { c.run(&test{T: t, Harness: h}) })
	}
}

// test is one case in the middle of its run.
type test struct {
	*testing.T
	Harness
}

type testCase struct {
	name string
	run  func(*test)
}

func cases(h Harness) []testCase {
	all := []testCase{
		{"append/versions", (*test).appendVersions},
		{"append/conflict names the current version", (*test).appendConflict},
		{"append/faults of the caller", (*test).appendFaults},
		{"append/all or nothing", (*test).appendAllOrNothing},
		{"append/several streams and slots", (*test).appendSeveral},
		{"append/any bytes", (*test).appendBytes},
		{"append/recorded at", (*test).appendRecordedAt},
		{"append/concurrent writers leave no gap", (*test).appendConcurrent},
		{"append/neighbours of a refused one are stored", (*test).appendNeighbours},
		{"append/predecessor", (*test).appendPredecessor},

		{"messages/a repeat is refused", (*test).messageRepeat},
		{"messages/a repeat is found", (*test).messageFound},
		{"messages/behind snapshot and deletion", (*test).messageBehind},
		{"messages/of a state", (*test).messageState},

		{"read/pages of a stream", (*test).readStream},
		{"read/pages of a slot", (*test).readSlot},
		{"read/load", (*test).load},
		{"read/load 1,000 at once", (*test).loadMany},
		{"read/10,000 streams", (*test).listMany},
		{"read/prefixes of difficult ids", (*test).listPrefixes},

		{"rows/snapshots", (*test).snapshots},
		{"rows/states", (*test).states},
		{"rows/alarms", (*test).alarms},
		{"rows/a refused append leaves none", (*test).rowsOfRefused},

		{"delete/soft", (*test).deleteSoft},
		{"delete/soft, of a state", (*test).deleteState},
		{"delete/erase in chunks", (*test).erase},
		{"delete/erase refuses others", (*test).eraseRefused},

		{"fence/older generation", (*test).fenceGeneration},
		{"fence/late append after raise", (*test).fenceLate},
		{"fence/writers are apart", (*test).fenceWriters},
		{"fence/deposed member", (*test).fenceDeposed},
		{"fence/unknown member", (*test).fenceUnknown},
		{"fence/depose under load", (*test).fenceUnderLoad},

		{"members/join", (*test).join},
		{"members/renew", (*test).renew},
		{"members/depose", (*test).depose},
		{"members/depose alone", (*test).deposeAlone},
		{"members/depose against renewal", (*test).deposeRace},
		{"members/version of the membership", (*test).membership},
		{"members/version and rows", (*test).membershipOrder},
		{"members/reap", (*test).reap},
		{"members/reaped while it acquires", (*test).reapRace},
		{"members/ring", (*test).ring},
		{"members/rings with gaps", (*test).ringGaps},

		{"slots/acquire", (*test).acquire},
		{"slots/two acquirers never share", (*test).acquireRace},
		{"slots/release", (*test).release},
		{"slots/release is fenced", (*test).releaseFenced},
		{"slots/verify", (*test).verify},

		{"transfer/import events", (*test).importEvents},
		{"transfer/import refused", (*test).importRefused},
		{"transfer/import is fenced", (*test).importFenced},
		{"transfer/import blanked rows", (*test).importBlanked},
		{"transfer/import rows", (*test).importRows},
		{"transfer/export pages", (*test).exportPages},

		{"life/closed", (*test).closed},
		{"life/contexts", (*test).contexts},

		{"model/any sequence of operations", (*test).model},
	}
	if h.Survives {
		all = append(all,
			testCase{"life/opened again", (*test).reopened},
			testCase{"life/erasing goes on", (*test).eraseReopened},
			testCase{"life/killed while appending", (*test).killed})
	}
	if h.Exclusive && h.Survives {
		all = append(all, testCase{"life/locked", (*test).locked})
	}
	return all
}

// open opens a fresh group for one test.
func (t *test) open() store.Store {
	t.Helper()
	st, err := t.Open(t.Context(), t.Locate(t.T))
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
