package runtime

import "sync"

// workers run the steps of actors. A step goes to a parked worker, or a new one
// is started: steps may block in an author's callback, so their number cannot
// be fixed, but idle ones are few.
type workers struct {
	tasks chan *actor
	step  func(*actor)
	stop  chan struct{}
	park  chan struct{} // one token for each worker that may be parked
	wg    sync.WaitGroup
}

func newWorkers(parked int, step func(*actor)) *workers {
	return &workers{
		tasks: make(chan *actor), step: step, stop: make(chan struct{}),
		park: make(chan struct{}, parked),
	}
}

// do runs the next step of a busy actor.
func (w *workers) do(a *actor) {
	select {
	case w.tasks <- a:
	default:
		w.wg.Add(1)
		go w.run(a)
	}
}

func (w *workers) run(a *actor) {
	defer w.wg.Done()
	for {
		w.step(a)
		select {
		case w.park <- struct{}{}:
		default:
			return // enough are parked
		}
		select {
		case a = <-w.tasks:
			<-w.park
		case <-w.stop:
			<-w.park
			return
		}
	}
}

// close waits for the steps that run.
func (w *workers) close() {
	close(w.stop)
	w.wg.Wait()
}
