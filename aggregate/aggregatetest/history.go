package aggregatetest

import (
	"bytes"
	"testing"

	"github.com/ringhold/ringhold/aggregate"
)

// repeats is how often replays and decisions are repeated. A map with two keys
// is walked in the rarer order one time in eight: that a test misses it happens
// about twice in a million runs.
const repeats = 100

// history is a start and the events behind it, as they would be stored.
type history struct {
	t      testing.TB
	core   *aggregate.Core
	start  func() any // a new state to begin with, at each call
	events []stored
	// unsound is set by a check that failed, so that what follows from it is
	// not reported too.
	unsound bool
}

// stored is an event with what is stored of it.
type stored struct {
	pending aggregate.Pending
	payload aggregate.Payload
}

func newHistory(t testing.TB, core *aggregate.Core) *history {
	t.Helper()
	return &history{t: t, core: core, start: core.NewState}
}

// startFrom makes the history begin with copies of a state, through its codec.
// loaded says that each is loaded as a host would do it.
func (h *history) startFrom(state any, loaded bool) {
	h.t.Helper()
	p, err := h.core.EncodeState(state)
	if err != nil {
		h.t.Fatalf("the state cannot be stored: %v", err)
	}
	h.stateSurvives(state)
	h.start = func() any {
		copied, err := h.core.DecodeState(h.core.StateSchema, p)
		if err != nil {
			h.t.Fatalf("the state cannot be loaded: %v", err)
		}
		if loaded {
			h.core.Loaded(copied)
		}
		return copied
	}
}

// fault reports a failed check.
func (h *history) fault(format string, args ...any) {
	h.t.Helper()
	h.unsound = true
	h.t.Errorf(format, args...)
}

// with returns the history with more events, each checked to survive its codec.
func (h *history) with(events []aggregate.Pending) *history {
	h.t.Helper()
	out := *h
	out.events = append([]stored(nil), h.events...)
	for _, e := range events {
		p, err := e.Encode()
		if err != nil {
			h.t.Fatalf("event %q cannot be stored: %v", e.Type(), err)
		}
		if !out.unsound {
			out.eventSurvives(e, p)
		}
		out.events = append(out.events, stored{e, p})
		keepSample(h.t, h.core, e, p)
	}
	return &out
}

func (h *history) eventSurvives(e aggregate.Pending, p aggregate.Payload) {
	h.t.Helper()
	back, err := h.core.ReadEvent(e.Type(), e.Schema(), p)
	if err != nil {
		h.t.Fatalf("event %q, stored as %s, cannot be loaded: %v", e.Type(), describePayload(p), err)
	}
	if diff := difference(e.Value(), back.Value()); diff != "" {
		h.fault("event %q does not survive its codec (- emitted, + loaded):\n%s", e.Type(), diff)
	}
}

// replay returns the state that loading the stored events leads to.
func (h *history) replay() any {
	h.t.Helper()
	state := h.start()
	for _, e := range h.events {
		if err := h.core.Replay(state, e.pending.Type(), e.pending.Schema(), e.payload); err != nil {
			h.t.Fatalf("replay: %v", err)
		}
	}
	return state
}

// apply returns the state that applying the events as they were emitted leads
// to, and checks that none of them is changed by it.
func (h *history) apply() any {
	h.t.Helper()
	state := h.start()
	for _, e := range h.events {
		h.core.Apply(state, e.pending)
	}
	for _, e := range h.events {
		if p, err := e.pending.Encode(); err != nil || !bytes.Equal(p.Data, e.payload.Data) {
			h.fault("applying events changed event %q: what it refers to is shared with the state.\nbefore: %s\nafter:  %s",
				e.pending.Type(), describePayload(e.payload), describePayload(p))
		}
	}
	return state
}

// state checks that replays agree and that their state survives its codec, and
// returns one.
func (h *history) state() any {
	h.t.Helper()
	if h.unsound {
		return h.replay()
	}
	first := h.apply()
	for range repeats {
		if diff := difference(first, h.replay()); diff != "" {
			h.fault("replays of the same events differ, so apply depends on something else: a clock, chance, the order of a map (- one, + another):\n%s", diff)
			return first
		}
	}
	h.stateSurvives(first)
	return h.replay()
}

func (h *history) stateSurvives(state any) {
	h.t.Helper()
	p, err := h.core.EncodeState(state)
	if err != nil {
		h.fault("the state cannot be stored: %v", err)
		return
	}
	back, err := h.core.DecodeState(h.core.StateSchema, p)
	if err != nil {
		h.fault("the state, stored as %s, cannot be loaded: %v", describePayload(p), err)
		return
	}
	if diff := difference(state, back); diff != "" {
		h.fault("the state does not survive its codec (- was, + loaded):\n%s", diff)
	}
}
