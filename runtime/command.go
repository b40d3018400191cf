package runtime

import (
	"cmp"
	"errors"
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
		if v.Blocked { // a filter refused what was decided
			h.rolledBack(a, e, a.state)
		}
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

// prepare encodes what the command stores and applies its events; see applied.
// After a refusal the state is worthless, unless there are callbacks.
func (h *Host) prepare(a *actor, e *envelope, v handler.Verdict) (*commit, message.Response) {
	timeout := cmp.Or(e.binding.CommitTimeout, handler.DefaultCommitTimeout)
	c := &commit{
		actor: a, envelope: e, stream: a.stream, slot: a.slot,
		expected: a.version, after: a.version + message.Version(len(v.Events)),
		response: v.Response, size: a.size, snap: a.snap,
		deadline: time.Now().Add(timeout), timeout: timeout,
	}
	var refusal message.Response
	p := handler.Guard("encode", func() { c.command, c.events, refusal = e.binding.Build(e.message, v, a.stream, a.version, a.slot) })
	if p != nil {
		h.logPanic(e.message, p)
		return nil, p.Response()
	}
	if refusal != nil {
		return nil, refusal
	}
	state, refusal := h.applied(a, c, v.Events)
	if refusal != nil || state == nil {
		return c, refusal
	}
	return c, h.keep(a, c, state)
}

// applied applies the events, to the state itself, or to a copy where callbacks
// need the state before them: what cannot be applied is never stored. It returns
// nil where there is no copy, of a state that cannot be encoded.
func (h *Host) applied(a *actor, c *commit, events []aggregate.Pending) (any, message.Response) {
	core, m, state := a.hosted.core, c.envelope.message, a.state
	if core.HasCallbacks() {
		c.pending = events
		var err error
		switch state, err = h.copyOf(a); {
		case err != nil && core.StateBased:
			return nil, h.crashed(m, err)
		case err != nil && h.snapshotDue(a, c):
			h.withoutSnapshot(a, c, err)
			return nil, nil
		case err != nil:
			return nil, nil
		}
	}
	p := handler.Guard("apply", func() {
		for _, event := range events {
			core.Apply(state, event)
		}
	})
	if p != nil {
		h.logPanic(m, p)
		a.panicked(p.Where+" panicked", time.Now())
		return nil, p.Response()
	}
	if c.pending == nil {
		c.unload = h.unloadRule(a, m, events, state)
	}
	return state, nil
}

// copyOf copies an actor's state, by encoding it.
func (h *Host) copyOf(a *actor) (state any, err error) {
	core := a.hosted.core
	payload, err := encodeState(core, a.state)
	if err != nil {
		return nil, err
	}
	if p := handler.Guard("decode", func() { state, err = core.DecodeState(core.StateSchema, payload) }); p != nil {
		return nil, p
	}
	return state, err
}

// encodeState encodes a state; an author's method that panics is an error as
// others are, a *handler.PanicError.
func encodeState(core *aggregate.Core, state any) (payload aggregate.Payload, err error) {
	if p := handler.Guard("encode", func() { payload, err = core.EncodeState(state) }); p != nil {
		return payload, p
	}
	return payload, err
}

// crashed returns the answer to a fault of an author's code.
func (h *Host) crashed(m *message.Message, err error) message.Response {
	var p *handler.PanicError
	if errors.As(err, &p) {
		h.logPanic(m, p)
		return p.Response()
	}
	return message.Crashed{Reason: err.Error()}
}

// keep adds the snapshot or the state row that the command is due, and estimates
// the actor's size.
func (h *Host) keep(a *actor, c *commit, state any) message.Response {
	core := a.hosted.core
	if !core.StateBased && !h.snapshotDue(a, c) {
		h.resize(a, c, state)
		return nil
	}
	payload, err := encodeState(core, state)
	switch {
	case err != nil && core.StateBased:
		return h.crashed(c.envelope.message, err)
	case err != nil:
		h.withoutSnapshot(a, c, err)
		return nil
	}
	c.size = sizeOf(len(payload.Data))
	if !core.StateBased {
		c.snap = c.after
		c.snapshot = &store.Snapshot{
			Stream: a.stream, Version: c.after, Schema: core.StateSchema,
			Encoding: handler.EncodingOf(payload), Data: payload.Data,
		}
		return nil
	}
	recent := append(a.recent[max(0, len(a.recent)-recentOfState+1):len(a.recent):len(a.recent)],
		store.Processed{MessageID: c.envelope.message.ID, Command: *c.command})
	c.state = &store.State{
		Stream: a.stream, Slot: a.slot, Expected: c.expected, Version: c.after,
		Schema: core.StateSchema, Encoding: handler.EncodingOf(payload), Data: payload.Data, Recent: recent,
	}
	return nil
}

// withoutSnapshot goes on without the snapshot that is due: it only makes
// loading faster. The next one is tried when as many events have come again.
func (h *Host) withoutSnapshot(a *actor, c *commit, err error) {
	c.snap = c.after
	h.log.Error("a state cannot be encoded, its snapshot is left out", "stream", string(a.stream), "version", int64(c.after), "error", err)
}

func (h *Host) snapshotDue(a *actor, c *commit) bool {
	every := int64(c.envelope.binding.SnapshotEvery)
	return every > 0 && int64(c.after-a.snap) >= every
}

// resize estimates the actor's size anew each time its version doubles, so that
// all estimates together cost a few encodings.
func (h *Host) resize(a *actor, c *commit, state any) {
	if a.size == 0 || bits.Len64(uint64(c.after+1)) != bits.Len64(uint64(c.expected+1)) {
		c.size = estimate(a.hosted.core, state)
	}
}

// estimate is the size of an actor with a state; a state that cannot be encoded
// counts as empty.
func estimate(core *aggregate.Core, state any) int64 {
	payload, err := encodeState(core, state)
	if err != nil {
		return sizeOf(0)
	}
	return sizeOf(len(payload.Data))
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
