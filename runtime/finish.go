package runtime

import (
	"errors"
	"time"

	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// finish is called by the committer for what is stored, or needs nothing stored
// any more: commits of one actor, in order. It answers them; only a turn that waits
// is driven. It must not block, so callbacks go to a worker.
func (h *Host) finish(done []*commit, now time.Time) {
	a := done[0].actor
	for _, c := range done {
		switch {
		case c.blocks:
		case c.stores():
			h.respondStored(c.envelope, c, now)
		default:
			h.release(c)
		}
	}
	s := &h.slots[a.slot]
	s.mu.Lock()
	for _, c := range done {
		if !c.blocks {
			a.planUnload(c.unload, now.UnixNano())
		}
	}
	drive := h.land(s, a, int32(len(done)), now.UnixNano())
	s.mu.Unlock()
	if drive {
		h.workers.do(a)
	}
}

// failed is called by the committer for a commit of which nothing is stored, or of
// which nobody can find that out any more. What was decided behind it rests on what
// is not there: the committer sends it back.
func (h *Host) failed(c *commit, err error) {
	a, e := c.actor, c.envelope
	again := false
	switch {
	case c.blocks: // the turn waits for this, and knows what to do
		e.err = err
	case h.isRepeat(e, err):
		again = !e.answered.Load() // else its caller has the message back
		e.retried = true
	default:
		h.respond(e, h.refusalOf(c, err), time.Now())
	}
	h.fall(a, c, again)
}

// bounced is called by the committer for what was decided on a state that failed:
// it is as if it had never been decided.
func (h *Host) bounced(c *commit) { h.fall(c.actor, c, !c.envelope.answered.Load()) }

// fall counts what has failed, and keeps it to be decided anew.
func (h *Host) fall(a *actor, c *commit, again bool) {
	s := &h.slots[a.slot]
	s.mu.Lock()
	if !c.blocks {
		a.broken = true
	}
	if again {
		if a.back == nil {
			a.back = new(mailbox)
		}
		c.envelope.renew()
		a.back.insert(c.envelope)
	}
	drive := h.land(s, a, 1, time.Now().UnixNano())
	s.mu.Unlock()
	if drive {
		h.workers.do(a)
	}
}

// mend makes a new start behind a commit that failed, once nothing is in flight
// any more: without the state, and with what came back in front of all that
// waits. Next to nothing is decided ahead at first, since the next commit may
// fail as well.
func (h *Host) mend(a *actor) {
	h.drop(a)
	a.era++
	a.window = 1
	a.flight = flight{}
	s := &h.slots[a.slot]
	s.mu.Lock()
	if a.broken = false; a.back != nil {
		a.mail.prepend(a.back)
		a.back = nil
	}
	s.mu.Unlock()
}

// committed ends the turn of a command that waited for its own commit.
func (h *Host) committed(a *actor, e *envelope) {
	c := &e.commit
	if err := e.err; err != nil {
		e.err = nil
		h.notStored(a, e, c, err)
		return
	}
	now := time.Now()
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
			h.respondStored(e, c, now)
			return
		}
		c.unload = h.unloadRule(a, e.message, c.pending, a.state)
		a.advance(c)
	}
	s := &h.slots[a.slot]
	s.mu.Lock()
	a.planUnload(c.unload, now.UnixNano())
	s.mu.Unlock()
	if core.HasOnSaved() {
		h.guarded(e.message, "saved", func() { core.Saved(h.callbackContext(e), e.message.Aggregate.ID, a.state, a.version) })
	}
	h.respondStored(e, c, now)
}

// advance takes over what a commit makes of the actor.
func (a *actor) advance(c *commit) {
	a.version, a.exists = c.after, true
	a.trouble = nil
	a.snap = c.snap
	a.hosted.loaded(0, c.size-a.size)
	a.size = c.size
	if c.state != nil {
		a.recent, a.kept = c.state.Recent, c.recent
		return
	}
	a.seen.add(c.envelope.message.ID)
}

// notStored ends the turn of a command whose commit it waited for in vain. What
// was applied is dropped with the state.
func (h *Host) notStored(a *actor, e *envelope, c *commit, err error) {
	if c.pending != nil && !isUnknown(err) {
		h.rolledBack(a, e, a.state)
	}
	h.drop(a)
	a.era++
	a.flight = flight{}
	if !h.isRepeat(e, err) {
		h.respond(e, h.refusalOf(c, err), time.Now())
		return
	}
	if e.retried = true; !e.answered.Load() { // else its caller has the message back
		e.renew()
		h.putBack(a, e)
	}
}

// isRepeat reports whether the store knows the message already, which was taken
// for new: it is looked up then, once.
func (h *Host) isRepeat(e *envelope, err error) bool {
	var duplicate *store.DuplicateMessageError
	return errors.As(err, &duplicate) && !e.retried
}

// putBack puts an envelope that was begun in front of the mailbox.
func (h *Host) putBack(a *actor, e *envelope) {
	s := &h.slots[a.slot]
	s.mu.Lock()
	a.mail.pushFront(e)
	s.mu.Unlock()
}

// refusalOf turns the failure of a commit into the answer.
func (h *Host) refusalOf(c *commit, err error) message.Response {
	m := c.envelope.message
	var conflict *store.VersionConflictError
	switch {
	case isUnknown(err):
		return message.OutcomeUnknown{Service: m.Service, MessageID: m.ID, Timeout: c.timeout}
	case errors.As(err, &conflict):
		return message.WrongExpectedVersion{Expected: conflict.Expected, Current: conflict.Current}
	}
	return message.ServiceUnavailable{Service: m.Service, Reason: publicWords(notTaken, err)}
}
