package runtime

import (
	"time"

	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
)

// step drives a busy actor until its mailbox has nothing ready or its turn has
// to wait for something.
func (h *Host) step(a *actor) {
	waits := false
	switch a.phase {
	case takeNext:
	case afterLoad:
		waits = h.loaded(a, a.current)
	case afterCommit:
		h.committed(a, a.current)
	}
	for !waits {
		e := h.next(a)
		if e == nil {
			return
		}
		waits = h.turn(a, e)
	}
}

// next takes the next envelope that is ready. Without one it returns nil: the
// actor is not busy any more, and belongs to the caller no longer.
func (h *Host) next(a *actor) *envelope {
	s := &h.slots[a.slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.idle(s, a) {
		return nil
	}
	return a.mail.pop()
}

// idle ends the actor's being busy if nothing in its mailbox is ready. The
// slot's mutex is held.
func (h *Host) idle(s *slot, a *actor) bool {
	a.phase = takeNext
	if a.mail.head != nil && a.mail.head.ready {
		return false
	}
	s.end(a)
	h.rest(s, a)
	return true
}

// turn runs one envelope. It returns true if the actor has to wait: then
// whoever it waits for continues it.
func (h *Host) turn(a *actor, e *envelope) (waits bool) {
	a.current = e
	now := time.Now()
	if e.work == unloadActor {
		h.unload(a, e)
		return false
	}
	if e.message.Halted && e.message.FirstAttempt { // refused before its turn
		e.answer(e.message.Response)
		return false
	}
	if e.expired(now) {
		return false
	}
	if reason, yes := a.quarantined(now); yes && e.work != deleteStream {
		e.answer(message.Quarantined{Stream: a.hosted.core.Stream, ID: e.message.Aggregate.ID, Reason: reason})
		return false
	}
	if h.needsLoad(a, e) {
		h.loader.load(a, e)
		return true
	}
	return h.run(a, e)
}

// needsLoad reports whether the store has to be asked before the envelope can
// run: for the state, or for the outcome of its message id.
func (h *Host) needsLoad(a *actor, e *envelope) bool {
	return a.state == nil && !a.erased || h.needsLookup(a, e)
}

// needsLookup reports whether the message may have been processed before and
// memory alone cannot tell.
func (h *Host) needsLookup(a *actor, e *envelope) bool {
	if e.work == readState || e.looked || a.erased {
		return false
	}
	if a.hosted.core.StateBased && e.work == runCommand {
		return false // its row has the messages
	}
	return (!e.message.FirstAttempt || e.retried) && !a.seen.isNew(e.message.ID)
}

// run decides an envelope on a loaded actor.
func (h *Host) run(a *actor, e *envelope) (waits bool) {
	if a.erased {
		e.answer(message.StreamErased{Stream: a.hosted.core.Stream, ID: e.message.Aggregate.ID})
		return false
	}
	if r := a.processed(e); r != nil {
		e.answerAt(r, versionOf(r, a.version))
		return false
	}
	if e.message.Halted { // refused before its turn, and not a repeat
		e.answer(e.message.Response)
		return false
	}
	switch e.work {
	case runCommand:
		return h.command(a, e)
	case deleteStream:
		return h.delete(a, e)
	case readState:
		h.read(a, e)
	case unloadActor: // needs no state, so it was done before
	}
	return false
}

// processed answers a repeated message of a state-based aggregate from its row.
func (a *actor) processed(e *envelope) message.Response {
	if e.work == readState {
		return nil
	}
	for i := range a.recent {
		if a.recent[i].MessageID == e.message.ID {
			return handler.Repeat(e.message, &a.recent[i].Command)
		}
	}
	return nil
}

// versionOf returns the version that a response names, else another one.
func versionOf(r message.Response, otherwise message.Version) message.Version {
	switch r := r.(type) { //nolint:gochecksumtype // the others name none
	case message.OK:
		if r.HasVersion {
			return r.Version
		}
	case message.Created:
		if r.HasVersion {
			return r.Version
		}
	}
	return otherwise
}

func (h *Host) read(a *actor, e *envelope) {
	var r message.Response
	if p := handler.Guard("read", func() { r = e.read(a.view()) }); p != nil {
		h.logPanic(e.message, p)
		r = p.Response()
	}
	e.answer(r)
}

// unload drops what is in memory, on request.
func (h *Host) unload(a *actor, e *envelope) {
	loaded := a.state != nil
	a.trouble = nil
	h.drop(a)
	value, err := message.NewValue(loaded)
	if err != nil { // a bool always encodes
		panic(err)
	}
	e.answer(message.OK{Value: value})
}

// drop forgets the actor's state inside its turn.
func (h *Host) drop(a *actor) {
	if a.state != nil {
		a.hosted.loaded(-1, -a.size)
		h.cfg.Observer.ActorUnloaded(a.hosted.core.Stream)
		a.size = 0
	}
	a.forget()
}
