// Package alloctest guards how often code allocates: by a count, which is the
// same on every machine, rather than by time.
package alloctest

import "testing"

// AtMost fails the test if f allocates more than plain times. The race detector
// lets pools forget some of what they hold, so under it the limit is race.
func AtMost(t *testing.T, what string, plain, race int, f func()) {
	t.Helper()
	limit := plain
	if raceDetector {
		limit = race
	}
	f() // whatever is made once
	got := testing.AllocsPerRun(200, f)
	t.Logf("%s: %v allocations", what, got)
	if got > float64(limit) {
		t.Errorf("%s: %v allocations, at most %d were meant", what, got, limit)
	}
}
