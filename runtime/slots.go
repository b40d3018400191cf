package runtime

import (
	"context"
	"fmt"
	"sync"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// slot holds the actors of one slot. While it is owned, actors has all of them;
// those that were busy when it was given up are on their own until their turn
// ends.
type slot struct {
	mu     sync.Mutex
	epoch  store.Epoch // at which it is owned; 0: it is not
	actors map[message.Stream]*actor
	// orphans are those that were held when it was given up, as long as they are.
	orphans map[*actor]struct{}
	busy    int       // actors that are held: in a turn or with something in flight, orphans too
	quiet   sync.Cond // busy has become 0
}

// start marks an actor as busy; the slot's mutex is held.
func (s *slot) start(a *actor) {
	if !a.held() {
		s.busy++
	}
	a.busy = true
}

// end is the reverse of start. It returns false if the actor is still held, by
// what is in flight.
func (s *slot) end(a *actor) bool {
	a.busy, a.current = false, nil
	if a.inFlight > 0 {
		return false
	}
	s.quieten()
	return true
}

// quieten counts an actor that is held no longer.
func (s *slot) quieten() {
	if s.busy--; s.busy == 0 {
		s.quiet.Broadcast()
	}
}

// wait returns when no actor of the slot is held.
func (s *slot) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.busy > 0 {
		s.quiet.Wait()
	}
}

// Acquire takes those of the slots that are free, and serves them from now on.
// It returns how many of them it serves. If ctx ends first they may be taken
// and served later.
func (h *Host) Acquire(ctx context.Context, slots []ring.Slot) (int, error) {
	got := 0
	for w, mine := range h.byWriter(slots) {
		if len(mine) == 0 {
			continue
		}
		n, err := h.committers[w].acquire(ctx, mine)
		if err != nil {
			return got, fmt.Errorf("acquire %d slots: %w", len(mine), err)
		}
		got += n
	}
	return got, nil
}

// own serves a slot from now on, unless the host stops.
func (h *Host) own(c store.Claim) {
	s := &h.slots[c.Slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	if !h.stopping.Load() {
		s.epoch = c.Epoch
	}
}

// Release stops serving the slots at once, and gives them up in the store once
// what was decided is durable. After an error, or if ctx ends first, the store
// may still have them as this member's for some time; calling it again is safe.
func (h *Host) Release(ctx context.Context, slots []ring.Slot) error {
	for w, mine := range h.byWriter(slots) {
		for _, s := range mine {
			h.disown(s)
		}
		if len(mine) == 0 {
			continue
		}
		if err := h.committers[w].release(ctx, mine); err != nil {
			return fmt.Errorf("release %d slots: %w", len(mine), err)
		}
	}
	return nil
}

// disown stops serving a slot and answers what waits in its mailboxes. Actors
// that are in a turn or have something in flight end that on their own: what they
// hold may be outdated when the slot is served again, so they are never found
// again. Commands whose Before step runs are answered when it has ended, since it
// works on their messages. It reports whether the slot was served.
func (h *Host) disown(id ring.Slot) (served bool) {
	s := &h.slots[id]
	var waiting []*envelope
	s.mu.Lock()
	served, s.epoch = s.epoch != 0, 0
	for _, a := range s.actors {
		for a.mail.count > 0 {
			if e := a.mail.pop(); e.ready {
				waiting = append(waiting, e)
			} else {
				e.refused = true
			}
		}
		if !a.held() {
			h.discard(s, a)
		} else {
			h.remove(s, a)
		}
	}
	s.mu.Unlock()
	for _, e := range waiting {
		e.answer(h.notOwned(e.message))
	}
	return served
}

func (h *Host) notOwned(m *message.Message) message.Response {
	return message.ServiceUnavailable{Service: m.Service, Reason: notServed}
}

// Owned returns how many slots the host serves.
func (h *Host) Owned() int {
	n := 0
	for i := range h.slots {
		h.slots[i].mu.Lock()
		if h.slots[i].epoch != 0 {
			n++
		}
		h.slots[i].mu.Unlock()
	}
	return n
}

// Epoch returns the epoch at which the host owns a slot; 0 if it does not.
func (h *Host) Epoch(id ring.Slot) store.Epoch {
	s := &h.slots[id]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

func (h *Host) committer(s ring.Slot) *committer {
	return h.committers[int(s)%len(h.committers)]
}

// byWriter groups slots by their writer, which is fixed for the life of a host.
func (h *Host) byWriter(slots []ring.Slot) [][]ring.Slot {
	out := make([][]ring.Slot, len(h.committers))
	for _, s := range slots {
		w := int(s) % len(out)
		out[w] = append(out[w], s)
	}
	return out
}
