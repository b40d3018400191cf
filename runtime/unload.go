package runtime

import (
	"cmp"
	"container/heap"
	"slices"
	"sync"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

// unloadRule says what a command's events and the state after them say about
// leaving memory. What the state says goes first. A rule that panics says
// nothing: the command is none the worse for it.
func (h *Host) unloadRule(a *actor, m *message.Message, events []aggregate.Pending, state any) (rule aggregate.Unload) {
	h.guarded(m, "unload rule", func() { rule = a.hosted.core.UnloadRule(state) })
	if rule != (aggregate.Unload{}) {
		return rule
	}
	soonest := time.Duration(-1)
	for _, event := range events {
		if in, ok := a.hosted.UnloadOn[event.Type()]; ok && (soonest < 0 || in < soonest) {
			soonest = in
			rule = aggregate.UnloadIn(in)
		}
	}
	return rule
}

// planUnload notes when a rule wants the actor out of memory; rest acts on it.
func (h *Host) planUnload(a *actor, rule aggregate.Unload) {
	in, keep, decided := rule.When()
	if !decided {
		return
	}
	s := &h.slots[a.slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.unloadAt = 0; !keep {
		a.unloadAt = time.Now().Add(in).UnixNano()
	}
}

// due returns when an idle actor is to leave memory: when a rule says so or when
// it has not been used for long, whichever is earlier; 0 is never. One that has
// nothing but its trouble is kept until that is forgotten.
func (a *actor) due() int64 {
	if a.trouble != nil && !a.exists {
		return a.trouble.forgotten.UnixNano()
	}
	due := a.unloadAt
	if idle := a.hosted.IdleAfter; idle > 0 && (due == 0 || a.used+int64(idle) < due) {
		due = a.used + int64(idle)
	}
	return due
}

// rest is called with the slot's mutex held when an actor becomes idle: it
// leaves memory if there is nothing to keep or if it is time.
func (h *Host) rest(s *slot, a *actor) {
	now := time.Now().UnixNano()
	a.used = now
	switch due := a.due(); {
	case a.orphan:
		h.drop(a)
	case a.mail.count > 0: // its head waits for a Before step
	case !a.exists && a.trouble == nil, due != 0 && due <= now:
		h.discard(s, a)
	default:
		if due != 0 {
			h.unloader.watch(a, due)
		}
		h.relieve(a.hosted)
	}
}

// remove takes an actor out of its slot; the slot's mutex is held.
func (h *Host) remove(s *slot, a *actor) {
	delete(s.actors, a.stream)
	a.orphan = true
	if a.watched != 0 {
		a.watched = 0
		h.unloader.forget(a)
	}
}

// discard removes an idle actor; the slot's mutex is held.
func (h *Host) discard(s *slot, a *actor) {
	h.drop(a)
	h.remove(s, a)
}

// leave unloads an actor if it is time, or has it looked at again.
func (h *Host) leave(a *actor, at, now int64) {
	s := &h.slots[a.slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.watched != at {
		return // it is gone, or an earlier time was set since
	}
	a.watched = 0
	if a.busy || a.mail.count > 0 {
		return // it is looked at again when it becomes idle
	}
	switch due := a.due(); {
	case due == 0:
	case due <= now:
		h.discard(s, a)
	default:
		h.unloader.watch(a, due)
	}
}

// unloader waits for the times at which actors may leave memory.
type unloader struct {
	host *Host
	mu   sync.Mutex
	heap dueHeap
	wake chan struct{}
	over chan struct{}
	wg   sync.WaitGroup

	pressure chan struct{}
}

type due struct {
	at    int64
	actor *actor
}

// dueHeap has each actor once, which knows its place.
type dueHeap []due

func (d dueHeap) Len() int           { return len(d) }
func (d dueHeap) Less(i, j int) bool { return d[i].at < d[j].at }
func (d dueHeap) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].actor.place, d[j].actor.place = i+1, j+1
}

func (d *dueHeap) Push(x any) {
	*d = append(*d, x.(due))
	(*d)[len(*d)-1].actor.place = len(*d)
}

func (d *dueHeap) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	(*d)[last] = due{}
	*d = (*d)[:last]
	x.actor.place = 0
	return x
}

func newUnloader(h *Host) *unloader {
	u := &unloader{host: h, wake: make(chan struct{}, 1), over: make(chan struct{}), pressure: make(chan struct{}, 1)}
	u.wg.Go(u.run)
	u.wg.Go(u.evict)
	return u
}

// watch has an actor looked at, at the latest at a time; its slot's mutex is
// held.
func (u *unloader) watch(a *actor, at int64) {
	if a.watched != 0 && a.watched <= at {
		return
	}
	a.watched = at
	u.mu.Lock()
	if a.place == 0 {
		heap.Push(&u.heap, due{at, a})
	} else {
		u.heap[a.place-1].at = at
		heap.Fix(&u.heap, a.place-1)
	}
	first := u.heap[0].actor == a
	u.mu.Unlock()
	if first {
		signal(u.wake)
	}
}

// forget drops what watch has planned.
func (u *unloader) forget(a *actor) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if a.place != 0 {
		heap.Remove(&u.heap, a.place-1)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (u *unloader) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(u.next())
		select {
		case <-u.over:
			return
		case <-u.wake:
		case <-timer.C:
			u.sweep(time.Now().UnixNano())
		}
	}
}

func (u *unloader) next() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.heap) == 0 {
		return time.Hour
	}
	return max(0, time.Until(time.Unix(0, u.heap[0].at)))
}

func (u *unloader) sweep(now int64) {
	for {
		u.mu.Lock()
		if len(u.heap) == 0 || u.heap[0].at > now {
			u.mu.Unlock()
			return
		}
		next := heap.Pop(&u.heap).(due)
		u.mu.Unlock()
		u.host.leave(next.actor, next.at, now)
	}
}

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
			if a.hosted == of && !a.busy && a.mail.count == 0 && a.state != nil {
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
	if a := old.actor; !a.orphan && !a.busy && a.mail.count == 0 && a.used == old.used {
		h.discard(s, a)
	}
}

func (u *unloader) stop() {
	close(u.over)
	u.wg.Wait()
}
