package runtime

import "github.com/ringhold/ringhold/message"

const (
	// maxInFlight bounds the commits and answers of one actor that the committer
	// has: what is in flight is in memory twice, and falls together when the
	// first of it fails.
	maxInFlight = 1024
	// manyInFlight is from when on their ids are found by a map.
	manyInFlight = 8
)

// flight is what an actor has at its committer, oldest first: a command that is
// repeated before its commit is durable is found here. It belongs to the turn,
// which learns only now and then how much of it is completed.
type flight struct {
	head, tail *commit
	count      int32
	byID       map[message.ID]*commit // nil while there are few
}

func (f *flight) push(c *commit) {
	if c.later = nil; f.tail == nil {
		f.head = c
	} else {
		f.tail.later = c
	}
	f.tail = c
	f.count++
	switch {
	case f.byID != nil:
		f.index(c)
	case f.count > manyInFlight:
		f.byID = make(map[message.ID]*commit)
		for one := f.head; one != nil; one = one.later {
			f.index(one)
		}
	}
}

func (f *flight) index(c *commit) {
	if c.stores() {
		f.byID[c.envelope.message.ID] = c
	}
}

// keep drops the oldest until n are left.
func (f *flight) keep(n int32) {
	if n == 0 {
		*f = flight{}
		return
	}
	for ; f.count > n; f.count-- {
		c := f.head
		f.head, c.later = c.later, nil
		if f.byID != nil && c.stores() {
			delete(f.byID, c.envelope.message.ID)
		}
	}
}

// find returns the commit of a message id, or nil.
func (f *flight) find(id message.ID) *commit {
	if f.byID != nil {
		return f.byID[id]
	}
	for c := f.head; c != nil; c = c.later {
		if c.stores() && c.envelope.message.ID == id {
			return c
		}
	}
	return nil
}

// fly counts what a turn is about to hand to the committer.
func (h *Host) fly(a *actor, c *commit) {
	c.era = a.era
	a.flight.push(c)
	s := &h.slots[a.slot]
	s.mu.Lock()
	a.inFlight++
	s.mu.Unlock()
}

// await ends a turn until no more than n are in flight; false: it goes on, since
// that is so already. After true the actor is not the caller's any more.
func (h *Host) await(a *actor, n int32) bool {
	s := &h.slots[a.slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	return a.await(n)
}

// await: the slot's mutex is held.
func (a *actor) await(n int32) bool {
	if a.inFlight <= n {
		return false
	}
	a.waits, a.wakeAt = true, n
	return true
}

// quiet reports whether all that was decided is durable and answered, so that an
// answer may be given from memory.
func (h *Host) quiet(a *actor) bool {
	if a.flight.count == 0 {
		return true // nothing breaks that is not in flight
	}
	s := &h.slots[a.slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.broken {
		return false
	}
	a.flight.keep(a.inFlight)
	return a.inFlight == 0
}

// land counts what the committer has completed. It returns true if the actor has
// to be driven now. The slot's mutex is held.
func (h *Host) land(s *slot, a *actor, n int32, now int64) (drive bool) {
	a.inFlight -= n
	switch {
	case a.busy && a.waits && a.inFlight <= a.wakeAt:
		a.waits = false
		return true
	case a.busy || a.inFlight > 0:
		return false
	case a.broken:
		a.busy = true // it counts as busy already
		return true
	}
	a.flight = flight{}
	s.quieten()
	h.rest(s, a, now)
	return false
}
