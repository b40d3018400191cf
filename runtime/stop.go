package runtime

import (
	"time"

	"github.com/ringhold/ringhold/ring"
)

// stopGrace is how long a store and authors' code have, once Stop has given up, to
// see that their contexts have ended.
const stopGrace = 2 * time.Second

// Stop ends the host: what was decided is committed and answered, everything
// else is answered as unavailable. It waits for all of its goroutines, and for
// the turns that they drive.
//
// If that takes longer than the stop timeout, the contexts of writes end as well:
// what the store then gives no outcome for is answered as unknown. A store or an
// author's function that does not even heed this is left behind after two more
// seconds, with its goroutine. From then on nothing is handed to the store any more; so
// callers of what was handed to it are told that the outcome is unknown, and all others,
// such as those whose aggregate is in a load or a decision that does not return, that
// the service is unavailable: nothing of theirs is stored. Only who waits for a Before
// step is answered when that returns, if ever, since it may still change the message.
// So Stop takes no longer than the stop timeout and two seconds.
func (h *Host) Stop() {
	if h.stopping.Swap(true) {
		<-h.stopped
		return
	}
	defer close(h.stopped)
	for i := range h.slots {
		h.disown(ring.Slot(i))
	}
	h.cancel()
	done := make(chan struct{})
	go func() {
		h.finishAll()
		close(done)
	}()
	if h.endsWithin(done, h.cfg.StopTimeout) {
		return
	}
	h.log.Error("stopping takes too long, writes are given up", "timeout", h.cfg.StopTimeout)
	h.giveUp()
	if h.endsWithin(done, stopGrace) {
		return
	}
	h.log.Error("a call of the store or of an aggregate's code does not return, it is left behind")
	for _, c := range h.committers {
		c.abandon()
	}
	h.abandonTurns()
}

// finishAll waits for the parts of the host in the order in which they need each
// other.
func (h *Host) finishAll() {
	defer h.giveUp()
	h.sweeper.Wait()
	h.before.Wait()
	for i := range h.slots {
		h.slots[i].wait() // turns need everything that follows
	}
	for _, c := range h.committers {
		c.stop()
	}
	if h.unloader != nil {
		h.loader.stop()
		h.unloader.stop()
		h.eraser.stop()
	}
	h.workers.close()
}

func (h *Host) endsWithin(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// abandon takes nothing any more, and answers those who wait for a committer that does
// not come back.
func (c *committer) abandon() {
	var open []*commit
	claim := func(one *commit) {
		if one.envelope.claim() {
			open = append(open, one)
		}
	}
	c.mu.Lock()
	c.stopped = true
	c.cond.Signal()
	c.each(claim)
	c.mu.Unlock()
	for _, one := range open {
		if one.stores() {
			c.host.tooLate(one)
		} else {
			one.envelope.reply(c.host.notOwned(one.envelope.message))
		}
	}
}

// abandonTurns answers those whose turns do not end, or wait for what does not. The
// committers take nothing any more: what they were not given is never stored, and of
// what they were given nobody knows.
func (h *Host) abandonTurns() {
	var open []*envelope
	claim := func(e *envelope) {
		if e.claim() {
			open = append(open, e)
		}
	}
	for i := range h.slots {
		s := &h.slots[i]
		s.mu.Lock()
		for a := range s.orphans {
			if a.current != nil { // its mailbox was emptied, and may have nobody but this one again
				claim(a.current)
			}
			if a.back != nil {
				a.back.each(claim)
			}
		}
		s.mu.Unlock()
	}
	for _, e := range open {
		if e.sent.Load() {
			h.tooLate(&e.commit)
		} else {
			e.reply(h.notOwned(e.message))
		}
	}
}
