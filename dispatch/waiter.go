package dispatch

import (
	"context"

	"github.com/ringhold/ringhold/message"
)

// waiter is where Dispatch waits. It goes back to the pool only once its answer
// was taken, and a call delivers exactly one: a service that replies late talks
// to its call, never to the waiter.
type waiter struct {
	answer  chan *message.Message // of one
	deliver func(*message.Message)
}

func newWaiter() any {
	w := &waiter{answer: make(chan *message.Message, 1)}
	w.deliver = func(m *message.Message) { w.answer <- m }
	return w
}

// wait returns the answer of a call, which it expires if ctx ends first.
func (w *waiter) wait(ctx context.Context, c *call) *message.Message {
	select {
	case m := <-w.answer:
		return m
	case <-ctx.Done():
		c.expire()
		return <-w.answer
	}
}
