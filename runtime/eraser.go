package runtime

import (
	"time"

	"github.com/ringhold/ringhold/message"
)

const (
	eraseChunk   = 1000 // rows that one step of an erasure blanks
	eraseStreams = 1000 // that are listed at once
	erasePause   = time.Second
	erasePauses  = time.Minute // the longest, behind faults of the store
)

// eraser blanks the payloads of erased streams, in chunks beside the appends. The
// store knows what is left to do, so neither a crash nor a fault loses it.
type eraser struct {
	host *Host
	wake chan struct{}
	done chan struct{}
}

func newEraser(h *Host) *eraser {
	e := &eraser{host: h, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go e.run()
	return e
}

// run erases what earlier processes left, and then at each wake. After a fault it
// tries again.
func (e *eraser) run() {
	defer close(e.done)
	pause, timer := erasePause, time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-e.host.ctx.Done():
			return
		case <-e.wake:
		case <-timer.C:
		}
		timer.Stop()
		if e.sweep() {
			pause = erasePause
		} else {
			timer.Reset(pause)
			pause = min(2*pause, erasePauses)
		}
	}
}

// sweep erases until nothing is left; false: nothing but what meets a fault.
func (e *eraser) sweep() bool {
	ctx := e.host.ctx
	for ctx.Err() == nil {
		streams, err := e.host.cfg.Store.PendingErasures(ctx, eraseStreams)
		if err != nil {
			e.failed("", err)
			return false
		}
		failed := 0
		for _, s := range streams {
			if _, err := e.host.cfg.Store.Erase(ctx, s, eraseChunk); err != nil {
				e.failed(s, err)
				failed++
			}
		}
		if failed == len(streams) {
			return failed == 0
		}
	}
	return true
}

func (e *eraser) failed(s message.Stream, err error) {
	if e.host.ctx.Err() == nil {
		e.host.log.Error("an erased stream still holds payloads, blanking them is tried again", "stream", string(s), "error", err)
	}
}

// stop waits for the chunk that is being blanked.
func (e *eraser) stop() { <-e.done }
