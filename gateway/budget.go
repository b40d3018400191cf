package gateway

import (
	"sync"
	"time"
)

// The budget of retries, as Finagle has it and Envoy and gRPC in their ways: a
// share of what comes in, and a floor so that little traffic can be retried at
// all. The share bounds what an outage can add to the load; the floor is enough
// for the in-flight messages of a slot that moves. It is saved up for a while,
// since moves come in bursts.
const (
	retryShare    = 0.2
	retryFloor    = 100 // a second and member
	retrySavedFor = 10 * time.Second
	budgetGrain   = time.Millisecond // how often an empty bucket is filled
)

// budget is a bucket of tokens, of which each retry takes one. It is safe for
// concurrent use.
type budget struct {
	taken func() uint64 // how many messages were taken in so far

	mu     sync.Mutex
	tokens float64
	filled time.Time
	seen   uint64
}

func newBudget(taken func() uint64) *budget { return &budget{taken: taken} }

// take takes n tokens at once if there is one at least: the messages of one
// aggregate go together. The bucket owes the rest, and gives none before that is
// paid. Who gets none has to wait.
func (b *budget) take(n, members int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); b.tokens >= 1 || now.Sub(b.filled) >= budgetGrain {
		b.fill(now, float64(max(members, 1)))
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens -= float64(n)
	return true
}

func (b *budget) fill(now time.Time, members float64) {
	taken := b.taken()
	limit := members * retryFloor * retrySavedFor.Seconds()
	if b.filled.IsZero() {
		b.tokens = limit
	} else {
		b.tokens += members*retryFloor*now.Sub(b.filled).Seconds() + retryShare*float64(taken-b.seen)
	}
	b.tokens = min(b.tokens, limit)
	b.filled, b.seen = now, taken
}
