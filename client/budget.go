package client

import (
	"sync"
	"time"
)

// budgetSpan is how long unused retries are saved up.
const budgetSpan = 10 * time.Second

// budget is a bucket of retries that fills with time and with calls. It is safe
// for concurrent use.
type budget struct {
	perSecond float64
	ratio     float64
	most      float64

	mu     sync.Mutex
	tokens float64
	filled time.Time
}

func newBudget(r Retry) *budget {
	most := r.PerSecond * budgetSpan.Seconds()
	return &budget{perSecond: r.PerSecond, ratio: r.Ratio, most: most, tokens: most, filled: time.Now()}
}

// earn adds what one call allows.
func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.tokens+b.ratio, b.most)
}

// spend takes one retry, if there is one.
func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.tokens = min(b.tokens+now.Sub(b.filled).Seconds()*b.perSecond, b.most)
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
