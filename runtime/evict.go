package runtime

import (
	"cmp"
	"slices"

	"github.com/ringhold/ringhold/ring"
)

// relieve asks for room if more is in memory of a stream than it may have.
func (h *Host) relieve(of *hosted) {
	if of.crowded(100) {
		signal(h.unloader.pressure)
	}
}

// evict unloads the least recently used idle actors of crowded streams until a
// tenth of their limits is free again, so that it need not look for each one.
func (u *unloader) evict() {
	for {
		select {
		case <-u.over:
			return
		case <-u.pressure:
		}
		for _, one := range u.host.hosted {
			if one.crowded(100) {
				u.host.evict(one)
			}
		}
	}
}

func (h *Host) evict(of *hosted) {
	for _, old := range h.idleActors(of) {
		if !of.crowded(90) {
			return
		}
		h.evictOne(old)
	}
}

// idleActor is an actor as it was when it was found idle.
type idleActor struct {
	actor *actor
	used  int64
}

// idleActors returns the loaded actors of a stream that do nothing, the least
// recently used first.
func (h *Host) idleActors(of *hosted) []idleActor {
	var idle []idleActor
	for i := range h.slots {
		s := &h.slots[ring.Slot(i)]
		s.mu.Lock()
		for _, a := range s.actors {
			if a.hosted == of && !a.held() && a.mail.count == 0 && a.state != nil {
				idle = append(idle, idleActor{a, a.used})
			}
		}
		s.mu.Unlock()
	}
	slices.SortFunc(idle, func(x, y idleActor) int { return cmp.Compare(x.used, y.used) })
	return idle
}

func (h *Host) evictOne(old idleActor) {
	s := &h.slots[old.actor.slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := old.actor; !a.orphan && !a.held() && a.mail.count == 0 && a.used == old.used {
		h.discard(s, a)
	}
}
