package runtime

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// recentOfState is how many processed messages a state-based aggregate keeps.
const recentOfState = 64

// command decides a command and hands what it stores to the committer.
func (h *Host) command(a *actor, e *envelope) (waits bool) {
	verdict := e.binding.Decide(e.message, a.view())
	if verdict.Panic != nil {
		h.logPanic(e.message, verdict.Panic)
	}
	if len(verdict.Events) == 0 {
		h.settle(a, e, verdict)
		return false
	}
	c, refusal := h.prepare(a, e, verdict)
	if refusal != nil {
		if a.hosted.core.HasCallbacks() { // else the state may be that after the events
			h.rolledBack(a, e, a.state)
		}
		h.drop(a)
		h.respond(e, refusal)
		return false
	}
	e.commit = c
	h.committer(a.slot).submit(c)
	return true
}

// settle answers a command that stores nothing.
func (h *Host) settle(a *actor, e *envelope, v handler.Verdict) {
	core := a.hosted.core
	switch {
	case v.Fatal:
		h.drop(a)
	case v.Blocked && e.message.DryRun != message.Real:
		h.rolledBack(a, e, a.state)
	case v.Blocked: // a filter left nothing to store
		h.guarded(e.message, "commit", func() { core.Committed(h.callbackContext(e), e.message, a.state) })
		h.guarded(e.message, "saved", func() { core.Saved(h.callbackContext(e), e.message.Aggregate.ID, a.state, a.version) })
	}
	h.respond(e, v.Response)
}

// respond answers a command that stored nothing.
func (h *Host) respond(e *envelope, r message.Response) {
	h.cfg.Observer.CommandHandled(e.message, r, time.Since(e.arrived))
	e.answer(r)
}

// respondStored answers a command whose events are stored.
func (h *Host) respondStored(e *envelope, c *commit) {
	h.cfg.Observer.CommandHandled(e.message, c.response, time.Since(e.arrived))
	e.answerAt(c.response, c.after)
}

// prepare encodes what the command stores and, unless callbacks need the state
// before the events, applies them. After a refusal the state is worthless.
func (h *Host) prepare(a *actor, e *envelope, v handler.Verdict) (*commit, message.Response) {
	command, events, refusal := e.binding.Build(e.message, v, a.version, a.slot)
	if refusal != nil {
		return nil, refusal
	}
	c := &commit{
		actor: a, envelope: e, stream: a.stream, slot: a.slot,
		expected: a.version, after: a.version + message.Version(len(v.Events)),
		command: command, events: events, response: v.Response, size: a.size,
		deadline: time.Now().Add(e.binding.CommitTimeout), timeout: e.binding.CommitTimeout,
	}
	var state any
	p := handler.Guard("apply", func() { state, refusal = h.applied(a, c, v.Events) })
	if p != nil {
		h.logPanic(e.message, p)
		a.panicked(p.Error(), time.Now())
		return nil, p.Response()
	}
	if refusal != nil {
		return nil, refusal
	}
	if state == nil {
		return c, nil
	}
	if err := h.keep(a, c, e.binding, state); err != nil {
		return nil, message.Crashed{Reason: err.Error()}
	}
	return c, nil
}

// applied applies the events, to the state itself, or to a copy where callbacks
// need the state before them. It returns nil where the state after them is not
// needed before the commit.
func (h *Host) applied(a *actor, c *commit, events []aggregate.Pending) (any, message.Response) {
	core := a.hosted.core
	state := a.state
	if core.HasCallbacks() {
		c.pending = events
		if !core.StateBased && !h.snapshotDue(a, c, c.envelope.binding) {
			return nil, nil
		}
		payload, err := core.EncodeState(state)
		if err == nil {
			state, err = core.DecodeState(core.StateSchema, payload)
		}
		if err != nil {
			return nil, message.Crashed{Reason: err.Error()}
		}
	}
	for _, event := range events {
		core.Apply(state, event)
	}
	c.unload = h.unloadRule(a, events, state)
	return state, nil
}

// keep adds the snapshot or the state row that the command is due.
func (h *Host) keep(a *actor, c *commit, b *handler.Binding, state any) error {
	core := a.hosted.core
	if !core.StateBased && !h.snapshotDue(a, c, b) {
		h.resize(a, c, state)
		return nil
	}
	payload, err := core.EncodeState(state)
	if err != nil {
		return fmt.Errorf("encode the state of %s: %w", a.stream, err)
	}
	c.size = sizeOf(len(payload.Data))
	if !core.StateBased {
		c.snapshot = &store.Snapshot{
			Stream: a.stream, Version: c.after, Schema: core.StateSchema,
			Encoding: handler.EncodingOf(payload), Data: payload.Data,
		}
		return nil
	}
	recent := append(a.recent[max(0, len(a.recent)-recentOfState+1):len(a.recent):len(a.recent)],
		store.Processed{MessageID: c.envelope.message.ID, Command: *c.command})
	c.state = &store.State{
		Stream: a.stream, Slot: a.slot, Expected: a.row, Version: c.after,
		Schema: core.StateSchema, Encoding: handler.EncodingOf(payload), Data: payload.Data, Recent: recent,
	}
	return nil
}

func (h *Host) snapshotDue(a *actor, c *commit, b *handler.Binding) bool {
	return b.SnapshotEvery > 0 && int64(c.after-a.snap) >= int64(b.SnapshotEvery)
}

// resize estimates the actor's size anew each time its version doubles, so that
// all estimates together cost a few encodings.
func (h *Host) resize(a *actor, c *commit, state any) {
	if a.size != 0 && bits.Len64(uint64(c.after+1)) == bits.Len64(uint64(c.expected+1)) {
		return
	}
	payload, err := a.hosted.core.EncodeState(state)
	if err != nil {
		c.size = sizeOf(0)
		return
	}
	c.size = sizeOf(len(payload.Data))
}

// sizeOf estimates the bytes of an actor from those of its encoded state: what
// decodes from n bytes of JSON takes about three times as many, and the actor
// itself some hundred.
func sizeOf(encoded int) int64 { return 512 + 3*int64(encoded) }

// guarded runs an author's callback; a panic is logged and goes no further.
func (h *Host) guarded(m *message.Message, where string, f func()) {
	if p := handler.Guard(where, f); p != nil {
		h.logPanic(m, p)
	}
}

// rolledBack tells the aggregate that its events were not stored.
func (h *Host) rolledBack(a *actor, e *envelope, before any) {
	if e.work != runCommand {
		return
	}
	h.guarded(e.message, "rollback", func() { a.hosted.core.RolledBack(h.callbackContext(e), e.message, before) })
}
