package lease

import (
	"testing"
	"time"

	"github.com/ringhold/ringhold/store"
)

// A run lasts while its last renewal is fresh: behind that its process may have
// been stopped itself, and the others' silence is its own.
func TestRun_LastsWhileFresh(t *testing.T) {
	var r Run
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	last := began
	for ; last.Sub(began) < enough+Period; last = last.Add(Period) {
		r.Renewed(Renewed{Sent: last.Add(-10 * time.Millisecond), Answered: last, Renewal: store.Renewal{Now: last}})
	}
	last = last.Add(-Period)
	if !r.Lasts(last) || !r.Lasts(last.Add(Length/2)) {
		t.Error("it does not last")
	}
	if r.Lasts(last.Add(Length/2 + time.Millisecond)) {
		t.Error("it lasts although the last renewal is too long ago")
	}
}
