package runtime

import (
	"time"

	"github.com/ringhold/ringhold/message"
)

// commitTick is how exactly commit timeouts are kept.
const commitTick = 20 * time.Millisecond

// watch answers callers whose time is over while their commands are pending or
// being appended; the commands go on. It ticks only while there are any.
func (c *committer) watch() {
	for {
		select {
		case <-c.watchdog:
		case <-c.over:
			return
		}
		tick := time.NewTicker(commitTick)
		for goOn := true; goOn; {
			select {
			case now := <-tick.C:
				goOn = c.expire(now)
			case <-c.over:
				goOn = false
			}
		}
		tick.Stop()
	}
}

// expire answers callers that have waited for too long. Whom it answers is decided
// under the lock: a command that is taken out of hand is either answered then or
// never from here. It returns false if nothing is left to wait for.
func (c *committer) expire(now time.Time) bool {
	var late []*commit
	claim := func(one *commit) {
		if !one.deadline.IsZero() && now.After(one.deadline) && one.envelope.claim() {
			late = append(late, one)
		}
	}
	c.mu.Lock()
	c.each(claim)
	c.watching = len(c.inHand) > 0 || len(c.behind) > 0 || c.pending.count > 0
	goOn := c.watching
	c.mu.Unlock()
	for _, one := range late {
		c.host.tooLate(one)
	}
	return goOn
}

// each calls f for all that is in hand or pending. The mutex is held.
func (c *committer) each(f func(*commit)) {
	for _, one := range c.inHand {
		f(one)
	}
	for i := range c.behind {
		for _, one := range c.behind[i].commits {
			f(one)
		}
	}
	c.pending.each(f)
}

// tooLate answers a caller: who waits for a commit cannot be told what becomes of
// it, who waits for an answer alone is not told.
func (h *Host) tooLate(one *commit) {
	e := one.envelope
	m := e.message
	if !one.stores() {
		e.reply(message.ServiceTimeout{Service: m.Service, MessageID: m.ID, Timeout: e.deadline.Sub(e.arrived)})
		return
	}
	h.cfg.Observer.CommitTimeout(m)
	e.reply(message.OutcomeUnknown{Service: m.Service, MessageID: m.ID, Timeout: one.timeout})
}
