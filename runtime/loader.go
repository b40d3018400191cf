package runtime

import (
	"sync"

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
	others  int // how many that wait in a mailbox are looked up with the current one
	wg      sync.WaitGroup
}

func newLoader(h *Host) *loader {
	l := &loader{host: h, others: lookupsOfOne}
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
		batch := l.waiting[:n:n]
		if l.waiting = l.waiting[n:]; len(l.waiting) == 0 {
			l.waiting = nil
		}
		l.mu.Unlock()
		l.serve(batch)
		clear(batch) // those who still wait share the array
	}
}

// serve loads a batch. One stream that cannot be read must not keep the others of
// its round trip from being loaded: behind an error the batch is halved, again and
// again, until it is alone. A store that answers nobody is left alone soon.
func (l *loader) serve(batch []*actor) {
	reqs := make([]store.LoadRequest, len(batch))
	for i, a := range batch {
		e := a.current
		reqs[i] = store.LoadRequest{Stream: a.stream, Hydrate: a.state == nil, Bare: true}
		if reqs[i].Hydrate && !a.hosted.core.StateBased {
			reqs[i].Events = l.host.cfg.Page
		}
		reqs[i].Messages = l.host.lookUp(a, e, min(l.others, maxLookups/len(batch)))
	}
	parts := []query{{batch, reqs}}
	for len(parts) > 0 {
		var failed []query
		var errs []error
		for _, p := range parts {
			if err := l.try(p); err != nil {
				failed, errs = append(failed, p), append(errs, err)
			}
		}
		giveUp := len(parts) >= hopeless && len(failed) == len(parts) || l.host.ctx.Err() != nil
		parts = nil
		for i, p := range failed {
			if n := len(p.actors); n > 1 && !giveUp {
				parts = append(parts, query{p.actors[:n/2], p.reqs[:n/2]}, query{p.actors[n/2:], p.reqs[n/2:]})
				continue
			}
			if l.host.ctx.Err() == nil {
				l.host.log.Warn("aggregates cannot be loaded now", "aggregates", len(p.actors), "first", string(p.actors[0].stream), "error", errs[i])
			}
			for _, a := range p.actors {
				l.goOn(a, nil, errs[i])
			}
		}
	}
}

// hopeless is how many parts of a batch have to fail, and none succeed, for the
// fault to be the store's and not that of a few streams.
const hopeless = 8

// query is what is loaded in one round trip.
type query struct {
	actors []*actor
	reqs   []store.LoadRequest
}

func (l *loader) try(p query) error {
	answers, err := l.host.cfg.Store.Load(l.host.ctx, p.reqs)
	if err != nil {
		return err
	}
	for i, a := range p.actors {
		l.goOn(a, &answers[i], nil)
	}
	return nil
}

// goOn continues an actor with what was loaded, or with an error.
func (l *loader) goOn(a *actor, loaded *store.Loaded, err error) {
	a.current.loaded, a.current.err = loaded, err
	a.phase = afterLoad
	l.host.workers.do(a)
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
