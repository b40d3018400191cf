package sqlite

import (
	"testing"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// TestRingsKept: of the rings before the newest one a few stay, for people.
func TestRingsKept(t *testing.T) {
	s := openTest(t, testConfig(t))
	newest := ring.Number(0)
	for range keptRings + 9 {
		if saved, err := s.SaveRing(t.Context(), store.Ring{Version: newest + 2}, newest); err != nil || !saved {
			t.Fatalf("behind ring %d: %t, %v", newest, saved, err)
		}
		newest += 2
	}
	var kept, oldest int
	if err := s.reads.QueryRow(`SELECT count(*), min(version) FROM rings`).Scan(&kept, &oldest); err != nil {
		t.Fatal(err)
	}
	if kept != keptRings || oldest != int(newest)-2*(keptRings-1) {
		t.Errorf("%d rings are kept, the oldest is %d", kept, oldest)
	}
}
