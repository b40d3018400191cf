package runtime

import "github.com/ringhold/ringhold/message"

const (
	// lookupsOfOne bounds how many messages that wait in one mailbox are looked up
	// together with the one whose turn it is.
	lookupsOfOne = 256
	// maxLookups bounds that, about, for one round trip.
	maxLookups = 4096
)

// lookUp returns the message ids that a load of an actor has to look up: that of its
// current envelope, and those that will be asked for next. It is called for the turn,
// which waits for the load.
//
// That the store does not know an id now says that the message is new when its turn
// comes only if nobody else can have stored that id meanwhile. Nobody but this actor
// stores anything in its stream, and it stores what is in flight, what comes back from
// that, and what is in front of the message. So an id that one of these has as well is
// left out, and is looked up in its turn. What came back, or was decided on a state
// that was dropped, ends the actor's life, and with it all that was looked up.
func (h *Host) lookUp(a *actor, e *envelope, others int) (ids []message.ID) {
	if h.needsLookup(a, e) {
		a.looking, ids = append(a.looking, e), append(ids, e.message.ID)
	}
	waiting := h.nextOf(a, others)
	if len(waiting) == 0 {
		return ids
	}
	inFront := make(map[message.ID]bool, len(waiting)+1)
	inFront[e.message.ID] = true
	for _, one := range waiting {
		id := one.message.ID
		if inFront[id] {
			continue
		}
		inFront[id] = true
		if h.needsLookup(a, one) && a.flight.find(id) == nil {
			a.looking, ids = append(a.looking, one), append(ids, id)
		}
	}
	return ids
}

// nextOf returns up to n envelopes that wait in an actor's mailbox, in their order, and
// none behind one whose Before step runs: that step works on its message.
func (h *Host) nextOf(a *actor, n int) (waiting []*envelope) {
	s := &h.slots[a.slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	n = min(n, a.mail.count)
	for e := a.mail.head; len(waiting) < n && e.ready; e = e.next {
		if waiting == nil {
			waiting = make([]*envelope, 0, n)
		}
		waiting = append(waiting, e)
	}
	return waiting
}

// knows reports whether the envelope's id was looked up, and what was found still
// counts.
func (a *actor) knows(e *envelope) bool { return e.looked == a.life }
