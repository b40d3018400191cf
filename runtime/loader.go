package runtime

import (
	"sync"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// maxLoad is how many actors one round trip loads.
const maxLoad = 512

// loader asks the store for what actors need. Whatever waits when it is free
// goes into one request, so that many cold aggregates cost few round trips.
type loader struct {
	host    *Host
	mu      sync.Mutex
	cond    *sync.Cond
	waiting []*actor
	stopped bool
	wg      sync.WaitGroup
}

func newLoader(h *Host) *loader {
	l := &loader{host: h}
	l.cond = sync.NewCond(&l.mu)
	for range h.cfg.Loaders {
		l.wg.Add(1)
		go l.run()
	}
	return l
}

// load asks for what the envelope, which is the actor's current one, needs.
func (l *loader) load(a *actor, e *envelope) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		e.err = ErrStopped
		a.phase = afterLoad
		l.host.workers.do(a)
		return
	}
	l.waiting = append(l.waiting, a)
	l.cond.Signal()
}

func (l *loader) run() {
	defer l.wg.Done()
	for {
		l.mu.Lock()
		for len(l.waiting) == 0 && !l.stopped {
			l.cond.Wait()
		}
		if len(l.waiting) == 0 {
			l.mu.Unlock()
			return
		}
		n := min(len(l.waiting), maxLoad)
		batch := append([]*actor(nil), l.waiting[:n]...)
		l.waiting = append(l.waiting[:0], l.waiting[n:]...)
		l.mu.Unlock()
		l.serve(batch)
	}
}

func (l *loader) serve(batch []*actor) {
	reqs := make([]store.LoadRequest, len(batch))
	for i, a := range batch {
		e := a.current
		reqs[i] = store.LoadRequest{Stream: a.stream, Hydrate: a.state == nil}
		if reqs[i].Hydrate && !a.hosted.core.StateBased {
			reqs[i].Events = l.host.cfg.Page
		}
		if l.host.needsLookup(a, e) {
			reqs[i].Messages = []message.ID{e.message.ID}
		}
	}
	answers, err := l.host.cfg.Store.Load(l.host.ctx, reqs)
	for i, a := range batch {
		if err != nil {
			a.current.err = err
		} else {
			a.current.loaded = answers[i]
		}
		a.phase = afterLoad
		l.host.workers.do(a)
	}
}

// stop waits for the loads that run; what waits is loaded too, and finds the
// host stopped.
func (l *loader) stop() {
	l.mu.Lock()
	l.stopped = true
	l.cond.Broadcast()
	l.mu.Unlock()
	l.wg.Wait()
}
