package lease

import (
	"time"

	"github.com/ringhold/ringhold/store"
)

// enough is how long a run has to be before its process may depose.
const enough = Length + Patience + Period

// Renewed is an answered renewal.
type Renewed struct {
	Sent, Answered time.Time // by the own clock
	store.Renewal
}

// Run is a sequence of own renewals without a break. While it lasts the store
// was there, its clock went as the own one, and it lost no commit: whoever else
// is alive could have renewed too. The zero value is no run.
type Run struct {
	began time.Time // when the first renewal was answered; zero: there is no run
	last  Renewed
}

// Renewed goes on with the run, or begins a new one and says why.
func (r *Run) Renewed(n Renewed) (broken string) {
	if !r.began.IsZero() {
		broken = r.brokenBy(n)
	}
	if r.began.IsZero() || broken != "" {
		r.began = n.Answered
	}
	r.last = n
	return broken
}

func (r *Run) brokenBy(n Renewed) string {
	// The store read its clock at some moment between question and answer.
	least, most := n.Sent.Sub(r.last.Answered), n.Answered.Sub(r.last.Sent)
	moved := n.Now.Sub(r.last.Now)
	switch {
	case n.Incarnation != r.last.Incarnation:
		return "the store may have lost commits"
	case elapsed(r.last.Answered, n.Answered) > Length/2:
		return "a renewal was late"
	case moved < least-Agreement || moved > most+Agreement:
		return "the store's clock jumped"
	}
	return ""
}

// Break ends the run: a renewal failed, so its connection may be a new one.
func (r *Run) Break() { r.began = time.Time{} }

// Lasts reports whether the run has been unbroken for long enough to depose, at
// a moment of the own clock.
func (r *Run) Lasts(now time.Time) bool {
	return !r.began.IsZero() && elapsed(r.last.Answered, now) <= Length/2 && now.Sub(r.began) >= enough
}

// Remaining is how much longer the run has to last; 0 if it does.
func (r *Run) Remaining(now time.Time) time.Duration {
	if r.began.IsZero() {
		return enough
	}
	return max(0, enough-now.Sub(r.began))
}

// Estimate is the store's time as the own monotonic clock has it. It is never
// ahead of the store's clock, unless that jumped backwards.
func (r *Run) Estimate(now time.Time) time.Time { return r.last.Now.Add(now.Sub(r.last.Answered)) }

// Answered reports whether the store's time was ever heard.
func (r *Run) Answered() bool { return !r.last.Answered.IsZero() }

// Incarnation is the store's at the last renewal.
func (r *Run) Incarnation() string { return r.last.Incarnation }
