package lease

import "time"

// Term is the lease of a member as the member itself counts it. The zero value
// is over.
type Term struct {
	from time.Time
}

// Renew extends the term after the store renewed it. It counts from before the
// renewal was sent, since the answer may have taken long.
func (t *Term) Renew(sent time.Time) {
	if t.from.IsZero() || sent.After(t.from) {
		t.from = sent
	}
}

// Over reports whether the lease may be over, so that another process may be
// deposing the member.
func (t *Term) Over(now time.Time) bool {
	return t.from.IsZero() || elapsed(t.from, now) >= Length-Margin
}
