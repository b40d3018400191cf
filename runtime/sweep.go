package runtime

import "time"

const (
	envelopeBytes = 512 // what an envelope takes beside its request, about
	sweepEvery    = time.Second
)

// sweep lets go of what waits for an actor that cannot take it, because the
// store hangs or a decision takes long, once nobody waits for its answer.
func (h *Host) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case now := <-tick.C:
			if h.open.Load() > 0 {
				h.sweepAll(now)
			}
		}
	}
}

func (h *Host) sweepAll(now time.Time) {
	for i := range h.slots {
		s := &h.slots[i]
		var late *mailbox
		s.mu.Lock()
		for _, a := range s.actors {
			if a.held() && a.mail.count > 0 {
				late = a.mail.split(now, late)
			}
		}
		s.mu.Unlock()
		for late != nil && late.count > 0 {
			late.pop().expired(now)
		}
	}
}

// split moves the envelopes that are past their deadline to another mailbox,
// which it makes if there is none yet. Those whose Before step runs stay, since
// it works on their messages.
func (q *mailbox) split(now time.Time, late *mailbox) *mailbox {
	var keep mailbox
	for q.count > 0 {
		e := q.pop()
		if e.ready && !e.deadline.IsZero() && !now.Before(e.deadline) {
			if late == nil {
				late = new(mailbox)
			}
			late.push(e)
			continue
		}
		keep.push(e)
	}
	*q = keep
	return late
}
