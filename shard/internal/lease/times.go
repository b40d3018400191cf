package lease

import "time"

const (
	// Length is how long a renewed member may answer from memory.
	Length = time.Second
	// Period is how often it renews. Length is three periods and more, so that
	// one lost renewal is no outage.
	Period = 300 * time.Millisecond
	// Patience is how long a silent member is left alone after its lease.
	Patience = 2 * time.Second
	// Margin is how much less than Length a member trusts its lease: clocks do
	// not run at the same speed.
	Margin = 50 * time.Millisecond
	// Agreement is how far the store's clock may move otherwise than the own one
	// between two renewals.
	Agreement = 100 * time.Millisecond
)

// elapsed is the time from one instant to a later one by whichever of the
// monotonic and the wall clock says more: the one stands still while a machine
// sleeps, the other can be set.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}
