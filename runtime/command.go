package runtime

import (
	"cmp"
	"errors"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
)

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

// crashed returns the answer to a fault of an author's code.
func (h *Host) crashed(m *message.Message, err error) message.Response {
	var p *handler.PanicError
	if errors.As(err, &p) {
		h.logPanic(m, p)
		return p.Response()
	}
	return message.Crashed{Reason: err.Error()}
}

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
