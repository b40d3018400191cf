package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// pool keeps a bounded number of sessions for reads and for writes that are not
// a writer's. It has no goroutines: a session that broke while it was idle is
// found out by its next use.
type pool struct {
	open   func(ctx context.Context) (*session, error)
	tokens chan struct{} // one for each session that is in use

	mu   sync.Mutex
	idle []*session
}

var errPoolBusy = errors.New("all connections for reads are in use")

func newPool(n int, open func(ctx context.Context) (*session, error)) *pool {
	return &pool{open: open, tokens: make(chan struct{}, n)}
}

func (p *pool) limit() int { return cap(p.tokens) }

// take returns a session; used says that it has been idle, and may be broken.
func (p *pool) take(ctx context.Context) (se *session, used bool, err error) {
	select {
	case p.tokens <- struct{}{}:
	case <-ctx.Done():
		return nil, false, fmt.Errorf("%w (%d): %w", errPoolBusy, p.limit(), ctx.Err())
	}
	if se = p.pop(); se != nil {
		return se, true, nil
	}
	if se, err = p.open(ctx); err != nil {
		<-p.tokens
		return nil, false, err
	}
	return se, false, nil
}

func (p *pool) pop() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	se := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return se
}

// give brings a session back. One that is not idle is of no use to others.
func (p *pool) give(se *session) {
	if se.conn.IsClosed() || se.conn.IsBusy() || se.conn.TxStatus() != 'I' {
		se.kill()
	} else {
		p.mu.Lock()
		p.idle = append(p.idle, se)
		p.mu.Unlock()
	}
	<-p.tokens
}

// drop ends all idle sessions.
func (p *pool) drop() {
	for se := p.pop(); se != nil; se = p.pop() {
		se.end()
	}
}
