package runtime

import (
	"context"
	"testing"

	"github.com/ringhold/ringhold/internal/alloctest"
	"github.com/ringhold/ringhold/message"
)

// allocations is what one command of one event may allocate from Serve to its
// answer, over the memory store. It is 18 to 20 (22 under the race detector), and was 36: reading the request and
// what the author's functions and codec make of it, what is stored of the command,
// the store's own; in the runtime itself the envelope and the name of the stream.
// Raise it with a reason.
const (
	allocations     = 20
	allocationsRace = 22
)

func TestAllocations(t *testing.T) {
	f := newFaulty(t)
	r := newRig(t, setup{store: f, config: func(c *Config) { c.Store = f.Store }})
	const runs = 300
	answer := make(chan message.Response, 1)
	reply := func(got message.Response) { answer <- got }
	ms := make([]*message.Message, 0, runs+100)
	for range cap(ms) {
		m := r.message("a", doAdd, 1)
		m.FirstAttempt = true
		ms = append(ms, m)
	}
	next := func() {
		m := ms[0]
		ms = ms[1:]
		r.host.Serve(context.Background(), r.bind, m, reply)
		if _, ok := (<-answer).(message.OK); !ok {
			t.Error("a command was refused")
		}
	}
	for range 90 {
		next()
	}
	alloctest.AtMost(t, "a command", allocations, allocationsRace, next)
}
