package runtime

import (
	"errors"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// commit is what a turn hands to the committer, and what comes back.
type commit struct {
	actor    *actor
	envelope *envelope
	stream   message.Stream
	slot     ring.Slot
	expected message.Version // before
	after    message.Version

	command  *store.Command
	events   []store.Event
	snapshot *store.Snapshot
	state    *store.State
	pending  []aggregate.Pending // still to be applied: callbacks see the state before them
	tomb     string              // the type of a deletion
	response message.Response
	unload   aggregate.Unload
	size     int64           // of the actor behind it
	snap     message.Version // of the newest snapshot behind it

	deadline time.Time // of the caller's waiting
	timeout  time.Duration
	next     *commit
}

// bytes estimates what the commit adds to an append.
func (c *commit) bytes() int {
	n := 256
	for i := range c.events {
		n += len(c.events[i].Data) + len(c.events[i].Metadata) + 128
	}
	if c.command != nil {
		n += len(c.command.Request) + len(c.command.Response)
	}
	if c.snapshot != nil {
		n += len(c.snapshot.Data)
	}
	if c.state != nil {
		n += len(c.state.Data)
	}
	return n
}

// finish is called by the committer once the outcome is known: err is nil, or
// nothing was stored. It must not block, so callbacks go to a worker.
func (h *Host) finish(c *commit, err error) {
	a, e := c.actor, c.envelope
	e.err = err
	if a.hosted.core.HasCallbacks() || a.hosted.core.HasOnSaved() {
		a.phase = afterCommit
		h.workers.do(a)
		return
	}
	h.committed(a, e)
	s := &h.slots[a.slot]
	s.mu.Lock()
	idle := h.idle(s, a)
	s.mu.Unlock()
	if !idle {
		h.workers.do(a)
	}
}

// committed ends the turn of a command whose outcome is known.
func (h *Host) committed(a *actor, e *envelope) {
	c := e.commit
	e.commit = nil
	if e.err != nil {
		h.notStored(a, e, c, e.err)
		return
	}
	if c.tomb != "" {
		h.deleted(a, e, c)
		return
	}
	core := a.hosted.core
	if c.pending != nil {
		h.guarded(e.message, "commit", func() { core.Committed(h.callbackContext(e), e.message, a.state) })
		p := handler.Guard("apply", func() {
			for _, event := range c.pending {
				core.Apply(a.state, event)
			}
		})
		if p != nil { // it is stored: the answer stands, the next load meets it again
			h.logPanic(e.message, p)
			a.panicked(p.Where+" panicked", time.Now())
			h.drop(a)
			h.respondStored(e, c)
			return
		}
		c.unload = h.unloadRule(a, e.message, c.pending, a.state)
	}
	a.advance(c)
	a.hosted.loaded(0, c.size-a.size)
	a.size = c.size
	h.planUnload(a, c.unload)
	if core.HasOnSaved() {
		h.guarded(e.message, "saved", func() { core.Saved(h.callbackContext(e), e.message.Aggregate.ID, a.state, a.version) })
	}
	h.respondStored(e, c)
}

// advance takes over what the store now holds.
func (a *actor) advance(c *commit) {
	a.version, a.exists = c.after, true
	a.trouble = nil
	a.snap = c.snap
	if c.state != nil {
		a.recent = c.state.Recent
		return
	}
	a.seen.add(c.envelope.message.ID)
}

// notStored ends a command whose events are known not to be in the store, or of
// which nobody can find that out any more. What was applied is dropped with the
// state.
func (h *Host) notStored(a *actor, e *envelope, c *commit, err error) {
	var duplicate *store.DuplicateMessageError
	var unknown *store.UnknownOutcomeError
	switch {
	case errors.As(err, &duplicate) && !e.retried:
		if c.pending != nil {
			h.rolledBack(a, e, a.state)
		}
		h.drop(a)
		if !e.answered.Load() { // else its caller has the message back
			h.again(a, e)
		}
		return
	case errors.As(err, &unknown):
		h.drop(a)
		h.respond(e, message.OutcomeUnknown{Service: e.message.Service, MessageID: e.message.ID, Timeout: c.timeout})
		return
	case c.pending != nil:
		h.rolledBack(a, e, a.state)
	}
	h.drop(a)
	h.respond(e, refusalOf(e.message, err))
}

// again puts a command back in front of the mailbox, to be looked up in the
// store: its id was taken for new and was not.
func (h *Host) again(a *actor, e *envelope) {
	e.retried, e.looked, e.err = true, false, nil
	s := &h.slots[a.slot]
	s.mu.Lock()
	a.mail.pushFront(e)
	s.mu.Unlock()
}

// refusalOf turns an error of an append into the answer.
func refusalOf(m *message.Message, err error) message.Response {
	var conflict *store.VersionConflictError
	if errors.As(err, &conflict) {
		return message.WrongExpectedVersion{Expected: conflict.Expected, Current: conflict.Current}
	}
	return message.ServiceUnavailable{Service: m.Service, Reason: "the store did not take the command: " + err.Error()}
}
