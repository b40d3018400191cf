package runtime

import (
	"time"

	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
)

// step drives a busy actor until its mailbox has nothing ready or its turn has
// to wait for something.
func (h *Host) step(a *actor) {
	waits, phase := false, a.phase
	a.phase = takeNext
	switch phase {
	case takeNext:
	case afterLoad:
		waits = h.loaded(a, a.current)
	case afterCommit:
		h.committed(a, a.current)
	}
	for !waits {
		var e *envelope
		if e, waits = h.next(a); e != nil {
			waits = h.turn(a, e)
		}
	}
}

// next takes the next envelope that is ready. Without one the actor is the
// caller's no longer: it is not busy any more, or waits for what is in flight.
func (h *Host) next(a *actor) (e *envelope, gone bool) {
	s := &h.slots[a.slot]
	s.mu.Lock()
	for a.broken {
		h.committer(a.slot).vacate(a)
		waits := a.await(0)
		s.mu.Unlock()
		if waits {
			return nil, true
		}
		h.mend(a)
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	a.flight.keep(a.inFlight)
	switch {
	case a.mail.head == nil || !a.mail.head.ready:
		h.committer(a.slot).vacate(a)
		if s.end(a) {
			h.rest(s, a, time.Now().UnixNano())
		}
		return nil, true
	case a.inFlight >= a.window:
		h.committer(a.slot).vacate(a)
		n := a.window / 2
		a.window = min(2*a.window, maxInFlight)
		return nil, a.await(n)
	}
	e = a.mail.pop()
	e.orphaned, a.current = a.orphan, e
	return e, false
}

// turn runs one envelope. It returns true if the actor has to wait: then
// whoever it waits for continues it.
func (h *Host) turn(a *actor, e *envelope) (waits bool) {
	now := time.Now()
	e.began = now
	room := h.committer(a.slot)
	a.enter(e)
	switch {
	case e.orphaned:
		room.leave(e)
		e.answer(h.notOwned(e.message))
		return false
	case a.flight.count > 0 && h.needsQuiet(a, e):
		room.leave(e)
		h.putBack(a, e)
		return h.await(a, 0)
	case e.work == unloadActor:
		h.unload(a, e)
		return false
	case e.message.Halted && e.message.FirstAttempt: // refused before its turn
		h.answer(a, e, reply{response: e.message.Response})
		return false
	case e.expired(now):
		room.leave(e)
		return false
	}
	if reason, yes := a.quarantined(now); yes && e.work != deleteStream {
		h.answer(a, e, reply{response: message.Quarantined{Stream: a.hosted.core.Stream, ID: e.message.Aggregate.ID, Reason: reason}})
		return false
	}
	if !e.message.FirstAttempt && h.repeats(a, e) {
		return false
	}
	if h.needsLoad(a, e) {
		room.leave(e)
		h.loader.load(a, e)
		return true
	}
	return h.run(a, e)
}

// needsQuiet reports whether an envelope has to wait until nothing is in flight: it
// ends what memory holds, or needs the store to have all that there is.
func (h *Host) needsQuiet(a *actor, e *envelope) bool {
	return e.work == deleteStream || e.work == unloadActor || a.state == nil && !a.erased
}

// repeats answers a message whose first attempt is in flight. The row of a
// state-based aggregate has its newest messages only, of which more can be in flight.
func (h *Host) repeats(a *actor, e *envelope) bool {
	if a.flight.count == 0 || e.work != runCommand {
		return false
	}
	first := a.flight.find(e.message.ID)
	if first == nil {
		return false
	}
	h.answerRepeat(a, e, handler.Repeat(e.message, first.command))
	return true
}

// answerRepeat answers a message that memory knows.
func (h *Host) answerRepeat(a *actor, e *envelope, r message.Response) {
	h.answer(a, e, reply{response: r, version: versionOf(r, a.version), versioned: true, memory: true})
}

// needsLoad reports whether the store has to be asked before the envelope can
// run: for the state, or for the outcome of its message id.
func (h *Host) needsLoad(a *actor, e *envelope) bool {
	return a.state == nil && !a.erased || h.needsLookup(a, e)
}

// needsLookup reports whether the message may have been processed before and
// memory alone cannot tell.
func (h *Host) needsLookup(a *actor, e *envelope) bool {
	if e.work == readState || e.work == unloadActor || a.knows(e) || a.erased {
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
		h.answer(a, e, reply{response: message.StreamErased{Stream: a.hosted.core.Stream, ID: e.message.Aggregate.ID}})
		return false
	}
	if a.knows(e) && e.found != nil {
		r := handler.Repeat(e.message, &e.found.Command)
		h.answer(a, e, reply{response: r, version: versionOf(r, a.version), versioned: true})
		return false
	}
	if r := a.processed(e); r != nil {
		h.answerRepeat(a, e, r)
		return false
	}
	if e.message.Halted { // refused before its turn, and not a repeat
		h.answer(a, e, reply{response: e.message.Response})
		return false
	}
	if e.work == readState { // it takes no room that it does not have
		h.read(a, e)
		return false
	}
	if n, ok := h.committer(a.slot).admit(a, e); !ok {
		h.putBack(a, e)
		return h.committer(a.slot).park(a, n)
	}
	switch e.work {
	case runCommand:
		return h.command(a, e)
	case deleteStream:
		return h.delete(a, e)
	case readState, unloadActor: // were done before
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
	h.answer(a, e, reply{response: r, memory: true})
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
	h.answer(a, e, reply{response: message.OK{Value: value}})
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
