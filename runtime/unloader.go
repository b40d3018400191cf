package runtime

import (
	"container/heap"
	"sync"
	"time"
)

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

func (d dueHeap) Len() int { return len(d) }

func (d dueHeap) Less(i, j int) bool { return d[i].at < d[j].at }

func (d dueHeap) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].actor.place, d[j].actor.place = int32(i+1), int32(j+1)
}

func (d *dueHeap) Push(x any) {
	*d = append(*d, x.(due))
	(*d)[len(*d)-1].actor.place = int32(len(*d))
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
		heap.Fix(&u.heap, int(a.place-1))
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
		heap.Remove(&u.heap, int(a.place-1))
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

func (u *unloader) stop() {
	close(u.over)
	u.wg.Wait()
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
