package runtime

import (
	"cmp"
	"errors"
	"runtime/debug"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
)

// command decides a command and hands what it stores to the committer. Where
// there are no callbacks, the turn goes on at once, on state that is not durable
// yet.
func (h *Host) command(a *actor, e *envelope) (waits bool) {
	e.decided = true
	verdict := e.binding.Decide(e.message, a.view())
	if verdict.Fatal && !h.quiet(a) {
		return h.onceDurable(a, e)
	}
	if verdict.Panic != nil {
		h.logPanic(e.message, verdict.Panic)
	}
	if len(verdict.Events) == 0 {
		h.settle(a, e, verdict)
		return false
	}
	if e.message.FirstAttempt && h.repeats(a, e) { // its retry has overtaken it
		return false
	}
	h.begin(a, e, verdict)
	refusal, fault := encode(a, e, verdict)
	if fault != nil {
		refusal = fault.Response()
	} else if refusal != nil { // such as a response that is too large: nothing has touched the state
		h.rolledBackIf(a, e)
		h.answer(a, e, reply{response: refusal, memory: true, handled: true})
		return false
	}
	if refusal == nil {
		refusal, fault = h.prepare(a, e, verdict)
	}
	if refusal != nil {
		if !h.quiet(a) {
			return h.onceDurable(a, e)
		}
		if fault != nil {
			h.crash(a, e.message, fault)
		}
		h.rolledBackIf(a, e)
		h.drop(a)
		h.answer(a, e, reply{response: refusal, memory: true, handled: true})
		return false
	}
	c := &e.commit
	if a.hosted.core.HasCallbacks() || a.hosted.core.HasOnSaved() {
		c.blocks = true
		return h.block(a, c)
	}
	pipelines := a.pipelines()
	h.submit(a, c) // then the commit is the turn's no longer
	return !pipelines && h.await(a, 0)
}

// onceDurable has a command decided again when nothing is in flight: what costs
// an aggregate its state, and may count against it, is not judged on a state that
// may never have been.
func (h *Host) onceDurable(a *actor, e *envelope) (waits bool) {
	h.committer(a.slot).leave(e)
	h.drop(a)
	e.renew()
	h.putBack(a, e)
	return h.await(a, 0)
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
	h.answer(a, e, reply{response: v.Response, memory: true, handled: true})
}

// rolledBackIf is rolledBack where there are callbacks; elsewhere the state may be
// that after the events.
func (h *Host) rolledBackIf(a *actor, e *envelope) {
	if a.hosted.core.HasCallbacks() {
		h.rolledBack(a, e, a.state)
	}
}

// begin makes the commit of a decision.
func (h *Host) begin(a *actor, e *envelope, v handler.Verdict) {
	c := &e.commit
	timeout := cmp.Or(e.binding.CommitTimeout, handler.DefaultCommitTimeout)
	*c = commit{
		actor: a, envelope: e, stream: a.stream, slot: a.slot, weight: c.weight,
		expected: a.version, after: a.version + message.Version(len(v.Events)),
		response: v.Response, size: a.size, snap: a.snap,
		deadline: e.began.Add(timeout), timeout: timeout,
	}
}

// prepare applies the events of a command; see applied. After a refusal the state is
// worthless, unless there are callbacks. The refusal may be due to a panic of an
// author's code, which is not told to anybody yet.
func (h *Host) prepare(a *actor, e *envelope, v handler.Verdict) (message.Response, *handler.PanicError) {
	c := &e.commit
	state, refusal, p := h.applied(a, c, v.Events)
	if refusal == nil && state != nil {
		refusal, p = h.keep(a, c, state)
	}
	if refusal == nil && c.pending == nil {
		a.advance(c)
	}
	return refusal, p
}

// encode builds what is stored of a command. An author's method may panic.
func encode(a *actor, e *envelope, v handler.Verdict) (refusal message.Response, p *handler.PanicError) {
	defer caught("encode", &p)
	e.commit.command, e.commit.events, refusal = e.binding.Build(e.message, v, a.stream, a.version, a.slot)
	return refusal, nil
}

// caught turns a panic into an error; it is deferred. In the path of every command
// it takes the place of handler.Guard, whose function has to be allocated.
func caught(where string, p **handler.PanicError) {
	if v := recover(); v != nil {
		*p = &handler.PanicError{Where: where, Value: v, Stack: debug.Stack()}
	}
}

// applied applies the events, to the state itself, or to a copy where callbacks
// need the state before them: what cannot be applied is never stored. It returns
// nil where there is no copy, of a state that cannot be encoded.
func (h *Host) applied(a *actor, c *commit, events []aggregate.Pending) (any, message.Response, *handler.PanicError) {
	core, m, state := a.hosted.core, c.envelope.message, a.state
	if core.HasCallbacks() {
		c.pending = events
		var err error
		switch state, err = h.copyOf(a); {
		case err != nil && core.StateBased:
			return nil, crashed(err), panicOf(err)
		case err != nil && h.snapshotDue(a, c):
			h.withoutSnapshot(a, c, err)
			fallthrough
		case err != nil:
			return nil, nil, nil //nolint:nilerr // only the copy fails: the events are applied behind the commit
		}
	}
	if p := apply(core, state, events); p != nil {
		return nil, p.Response(), p
	}
	if c.pending == nil {
		c.unload = h.unloadRule(a, m, events, state)
	}
	return state, nil, nil
}

func apply(core *aggregate.Core, state any, events []aggregate.Pending) (p *handler.PanicError) {
	defer caught(inApply, &p)
	for _, event := range events {
		core.Apply(state, event)
	}
	return nil
}

const inApply = "apply"

// crash notes a panic of an author's code while its command was prepared.
func (h *Host) crash(a *actor, m *message.Message, p *handler.PanicError) {
	h.logPanic(m, p)
	if p.Where == inApply {
		a.panicked(p.Where+" panicked", time.Now())
	}
}

// crashed returns the answer to a fault of an author's code.
func crashed(err error) message.Response {
	if p := panicOf(err); p != nil {
		return p.Response()
	}
	return message.Crashed{Reason: err.Error()}
}

func panicOf(err error) *handler.PanicError {
	var p *handler.PanicError
	if errors.As(err, &p) {
		return p
	}
	return nil
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
