package runtime

import (
	"errors"
	"slices"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

const (
	commitTick  = 20 * time.Millisecond
	firstPause  = 10 * time.Millisecond // between attempts to reach the store again
	longestWait = time.Second
)

// commit appends a batch and completes its commands. What the store refuses is
// taken out and answered, and the rest is appended again.
func (c *committer) commit(batch []*commit) {
	if len(batch) > 0 && c.unsure {
		if err := c.regain(nothing); err != nil {
			c.complete(batch, err) // it was never sent
			return
		}
	}
	for len(batch) > 0 {
		a, rest := c.build(batch)
		batch = rest
		if len(batch) == 0 {
			return
		}
		began := time.Now()
		err := c.writer.Append(c.host.endless, a)
		var unknown *store.UnknownOutcomeError
		if errors.As(err, &unknown) {
			batch = c.resolve(batch, a, err)
			continue
		}
		if err == nil {
			c.stored(a)
			c.host.cfg.Observer.Committed(len(batch), len(a.Events), time.Since(began))
			c.complete(batch, nil)
			return
		}
		batch = c.refused(batch, err)
	}
}

// build numbers the events of a batch behind the heads of their slots. It
// returns the batch without the commits of slots that are not held any more,
// which it has answered.
func (c *committer) build(batch []*commit) (*store.Append, []*commit) {
	batch = c.held(batch)
	a := &store.Append{Member: c.host.cfg.Member, Writer: c.id, Gen: c.gen}
	events := 0
	for _, one := range batch {
		events += len(one.events)
	}
	a.Events = make([]store.Event, 0, events)
	c.appends++
	for _, one := range batch {
		held := c.heads[one.slot]
		if held.claimedBy != c.appends {
			held.claimedBy, held.next = c.appends, held.Head.Offset+1
			a.Claims = append(a.Claims, held.Claim)
		}
		for j := range one.events {
			a.Events = append(a.Events, one.events[j])
			ev := &a.Events[len(a.Events)-1]
			ev.Offset, ev.Epoch = held.next, held.Epoch
			held.next++
		}
		if one.snapshot != nil {
			a.Snapshots = append(a.Snapshots, *one.snapshot)
		}
		if one.state != nil {
			a.States = append(a.States, *one.state)
		}
	}
	return a, batch
}

// held returns the commits whose slots are held; the others are answered.
func (c *committer) held(batch []*commit) []*commit {
	if !slices.ContainsFunc(batch, c.isForeign) {
		return batch
	}
	var kept, foreign []*commit
	for _, one := range batch {
		if c.isForeign(one) {
			foreign = append(foreign, one)
		} else {
			kept = append(kept, one)
		}
	}
	c.setInHand(kept)
	for _, one := range foreign {
		c.host.finish(one, errNotHeld)
	}
	return kept
}

// isForeign reports whether a commit was decided in a term of its slot that is
// over: in memory that others may have overtaken since.
func (c *committer) isForeign(one *commit) bool {
	held := c.heads[one.slot]
	return held == nil || held.Epoch != one.actor.epoch
}

// errNotHeld refuses commits of a slot that was given up meanwhile.
var errNotHeld = errors.New("the slot is not held any more")

// stored moves the heads behind the events of an append.
func (c *committer) stored(a *store.Append) {
	for i := range a.Events {
		held := c.heads[a.Events[i].Slot]
		held.Head = store.Head{Offset: a.Events[i].Offset, Epoch: a.Events[i].Epoch}
	}
}

func (c *committer) complete(batch []*commit, err error) {
	c.setInHand(nil)
	for _, one := range batch {
		c.host.finish(one, err)
	}
}

// refused takes what the store refused out of the batch, answers it, and
// returns the rest.
func (c *committer) refused(batch []*commit, err error) []*commit {
	var conflict *store.VersionConflictError
	var duplicate *store.DuplicateMessageError
	var stale *store.StaleSlotError
	guilty := func(*commit) bool { return true }
	switch {
	case errors.As(err, &conflict):
		guilty = func(one *commit) bool { return one.stream == conflict.Stream }
	case errors.As(err, &duplicate):
		guilty = func(one *commit) bool { return one.stream == duplicate.Stream }
	case errors.As(err, &stale):
		c.lost(stale)
		guilty = func(one *commit) bool { return c.heads[one.slot] == nil }
	case isFenced(err):
		c.fenced(err)
	}
	var rest, out []*commit
	for _, one := range batch {
		if guilty(one) {
			out = append(out, one)
		} else {
			rest = append(rest, one)
		}
	}
	if len(out) == 0 { // the error names nothing of this batch: do not try for ever
		out, rest = rest, nil
	}
	c.setInHand(rest)
	for _, one := range out {
		c.host.finish(one, err)
	}
	return rest
}

func (c *committer) setInHand(batch []*commit) {
	c.mu.Lock()
	c.inHand = batch
	c.mu.Unlock()
}

// lost gives up slots whose claims the store refuses: everything that memory
// holds of them is worthless.
func (c *committer) lost(stale *store.StaleSlotError) {
	for _, s := range stale.Slots {
		c.host.log.Error("a slot is not what this member holds it to be, it is given up", "slot", int(s))
		delete(c.heads, s)
		c.host.disown(s)
	}
}

// expire answers callers that have waited for longer than their commit timeout.
// Whom it answers is decided under the lock: a command that is taken out of hand
// is either answered then or never from here.
func (c *committer) expire(now time.Time) {
	var late []*commit
	claim := func(one *commit) {
		if now.After(one.deadline) && one.envelope.claim() {
			late = append(late, one)
		}
	}
	c.mu.Lock()
	for _, one := range c.inHand {
		claim(one)
	}
	for one := c.pending.head; one != nil; one = one.next {
		claim(one)
	}
	c.mu.Unlock()
	for _, one := range late {
		e := one.envelope
		c.host.cfg.Observer.CommitTimeout(e.message)
		e.reply(message.OutcomeUnknown{Service: e.message.Service, MessageID: e.message.ID, Timeout: one.timeout})
	}
}
