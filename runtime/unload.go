package runtime

import (
	"cmp"
	"container/heap"
	"slices"
	"sync"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/ring"
)

// unloadRule says what a command's events and the state after them say about
// leaving memory. What the state says goes first.
func (h *Host) unloadRule(a *actor, events []aggregate.Pending, state any) aggregate.Unload {
	if rule := a.hosted.core.UnloadRule(state); rule != (aggregate.Unload{}) {
		return rule
	}
	var rule aggregate.Unload
	soonest := time.Duration(-1)
	for _, event := range events {
		if in, ok := a.hosted.UnloadOn[event.Type()]; ok && (soonest < 0 || in < soonest) {
			soonest = in
			rule = aggregate.UnloadIn(in)
		}
	}
	return rule
}

// planUnload notes when a rule wants the actor out of memory.
func (h *Host) planUnload(a *actor, rule aggregate.Unload) {
	in, keep, decided := rule.When()
	if !decided {
		return
	}
	s := &h.slots[a.slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	if keep {
		a.unloadAt = 0
		return
	}
	a.unloadAt = time.Now().Add(in).UnixNano()
	if in > 0 {
		h.unloader.watch(a, a.unloadAt)
	}
}

// rest is called with the slot's mutex held when an actor becomes idle: it
// leaves memory if there is nothing to keep or if it is time.
func (h *Host) rest(s *slot, a *actor) {
	now := time.Now()
	switch {
	case a.mail.count > 0: // its head waits for a Before step
	case !s.owned,
		a.state == nil && a.trouble == nil,
		a.state != nil && !a.exists,
		a.unloadAt != 0 && a.unloadAt <= now.UnixNano():
		h.discard(s, a)
	case a.trouble != nil && a.state == nil:
		h.unloader.watch(a, now.Add(2*quarantineTime).UnixNano())
	case a.hosted.IdleAfter > 0:
		h.unloader.watch(a, a.used+int64(a.hosted.IdleAfter))
	}
}

// discard removes an idle actor; the slot's mutex is held.
func (h *Host) discard(s *slot, a *actor) {
	h.drop(a)
	delete(s.actors, a.stream)
}

// leave unloads an actor if it is time. It returns when to look again, 0 for
// never.
func (h *Host) leave(a *actor, at, now int64) int64 {
	s := &h.slots[a.slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.watched != at {
		return 0 // an earlier time was set since
	}
	a.watched = 0
	if s.actors[a.stream] != a || a.busy || a.mail.count > 0 {
		return 0 // gone, or it is looked at again when it becomes idle
	}
	due := int64(0)
	if a.unloadAt != 0 {
		due = a.unloadAt
	}
	if idle := a.hosted.IdleAfter; idle > 0 && (due == 0 || a.used+int64(idle) < due) {
		due = a.used + int64(idle)
	}
	if a.trouble != nil && a.state == nil {
		due = a.trouble.until.UnixNano()
	}
	switch {
	case due == 0:
		return 0
	case due <= now:
		h.discard(s, a)
		return 0
	}
	a.watched = due
	return due
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

type dueHeap []due

func (d dueHeap) Len() int           { return len(d) }
func (d dueHeap) Less(i, j int) bool { return d[i].at < d[j].at }
func (d dueHeap) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *dueHeap) Push(x any)        { *d = append(*d, x.(due)) }
func (d *dueHeap) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	(*d)[last] = due{}
	*d = (*d)[:last]
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
	if a.watched == 0 || at < a.watched {
		a.watched = at
		u.add(a, at)
	}
}

func (u *unloader) add(a *actor, at int64) {
	u.mu.Lock()
	heap.Push(&u.heap, due{at, a})
	first := u.heap[0].actor == a
	u.mu.Unlock()
	if first {
		signal(u.wake)
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
		if again := u.host.leave(next.actor, next.at, now); again != 0 {
			u.add(next.actor, again)
		}
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
	if a := old.actor; s.actors[a.stream] == a && !a.busy && a.mail.count == 0 && a.used == old.used {
		h.discard(s, a)
	}
}

func (u *unloader) stop() {
	close(u.over)
	u.wg.Wait()
}
