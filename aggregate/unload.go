package aggregate

import "time"

// Unload says whether an aggregate leaves memory after a commit. The zero
// Unload says nothing, so that the other rules decide.
type Unload struct {
	now  bool
	in   time.Duration
	skip bool
}

// UnloadNow unloads the aggregate at once.
func UnloadNow() Unload { return Unload{now: true} }

// UnloadIn unloads the aggregate after d, unless another rule changes that.
func UnloadIn(d time.Duration) Unload {
	if d <= 0 {
		return UnloadNow()
	}
	return Unload{in: d}
}

// UnloadSkip keeps the aggregate in memory and cancels an unloading that was
// planned before.
func UnloadSkip() Unload { return Unload{skip: true} }

// When returns what the rule says: decided is false if it says nothing, keep is
// true if a planned unloading is cancelled, else the aggregate leaves after in.
func (u Unload) When() (in time.Duration, keep, decided bool) {
	return u.in, u.skip, u.now || u.skip || u.in > 0
}
