package dispatch

import (
	"context"
	"fmt"
	"sync"
)

// calls counts the goroutines of a runner, so that it can wait for them.
type calls struct {
	mu      sync.Mutex
	closed  bool
	running int
	idle    chan struct{} // closed when running falls to 0; nil: nobody waits
}

// add counts one more; false: it must not begin any more.
func (c *calls) add() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.running++
	return true
}

func (c *calls) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

func (c *calls) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	if c.running == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// wait returns when none runs, or with an error when ctx ends.
func (c *calls) wait(ctx context.Context) error {
	idle := c.whenIdle()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == 0 {
		return nil
	}
	return fmt.Errorf("services that still run: %d: %w", c.running, ctx.Err())
}

func (c *calls) whenIdle() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == 0 {
		idle := make(chan struct{})
		close(idle)
		return idle
	}
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	return c.idle
}
