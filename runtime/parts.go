package runtime

import (
	"math/rand/v2"
	"time"

	"github.com/ringhold/ringhold/store"
)

const (
	firstPause  = 10 * time.Millisecond // between attempts to reach the store again
	longestWait = time.Second

	// doubtsToHalve is how often the outcome of a batch may be unknown before its
	// halves are tried, and doubtsAlone that of a single commit before it is refused: it
	// may be what it holds that costs the connection.
	doubtsToHalve = 2
	doubtsAlone   = 3
	// aloneToGiveUp is how many commits have to be refused alone, one behind the other,
	// for the fault to be the store's and not theirs: nothing is halved then until
	// something is stored.
	aloneToGiveUp = 4
	doublings     = 4 // of the first pause between doubts
)

// part is what is left of a batch that was halved; see committer.behind.
type part struct {
	commits []*commit
	doubts  int // how often its outcome was unknown; with others does not count for one alone
}

// commit appends a batch and completes its commands. What the store refuses is
// taken out and answered, and the rest is appended again.
//
// Not every refusal says whom it is about: a row that a store cannot take must not
// fail its neighbours, nor one that costs the connection be tried with them for ever.
// So a batch is halved behind such a failure, until what is at fault is alone. The
// halves are appended in order, and what rests on the first one falls with it.
func (c *committer) commit(batch []*commit) {
	c.append(batch, 0)
	for len(c.behind) > 0 {
		last := len(c.behind) - 1
		next := c.behind[last]
		c.mu.Lock()
		c.behind[last] = part{}
		c.behind, c.inHand = c.behind[:last], next.commits
		c.mu.Unlock()
		c.append(next.commits, next.doubts)
	}
}

// append appends a batch, or what is left of it; it may leave a part of it behind.
func (c *committer) append(batch []*commit, doubts int) {
	if len(batch) > 0 && c.unsure {
		if err := c.regain(nothing); err != nil {
			c.setInHand(nil)
			c.fail(batch, certain(err)) // it was never sent
			return
		}
	}
	for len(batch) > 0 {
		if batch = c.answerFirst(c.current(batch)); len(batch) == 0 {
			return
		}
		a, commands := c.build(batch)
		began := time.Now()
		err := c.writer.Append(c.host.endless, a)
		if isUnknown(err) {
			c.built = &store.Append{} // the store may still be busy with this one
			if batch = c.resolve(batch, a, err); len(batch) > 0 {
				doubts++
				batch, doubts = c.doubted(batch, commands, doubts, err)
			}
			continue
		}
		if err == nil {
			c.refusedAlone, c.doubtful = 0, 0
			c.stored(a)
			events := len(a.Events)
			c.used(a)
			c.host.cfg.Observer.Committed(commands, events, time.Since(began))
			c.setInHand(nil)
			c.complete(batch)
			return
		}
		c.used(a)
		batch = c.refused(batch, err)
	}
}

// doubted says what of a batch is tried next whose outcome was unknown, and which is
// known not to be stored. From the second time on it waits before.
func (c *committer) doubted(batch []*commit, commands, doubts int, err error) (next []*commit, before int) {
	if doubts >= doubtsToHalve && !c.pause() {
		return c.without(batch, certain(err), (*commit).stores), doubts // the host stops
	}
	switch {
	case commands == 1 && doubts >= doubtsAlone:
		c.refusedAlone++
		return c.without(batch, certain(err), (*commit).stores), doubts
	case commands > 1 && doubts >= doubtsToHalve && c.refusedAlone >= aloneToGiveUp:
		return c.without(batch, certain(err), (*commit).stores), doubts
	case commands > 1 && doubts >= doubtsToHalve:
		c.halve(batch, commands, doubts-1)
		return c.inHand, doubtsOf(commands/2, doubts-1)
	}
	return batch, doubts
}

// pause waits, longer for each doubt since something was stored.
func (c *committer) pause() bool {
	d := firstPause << min(c.doubtful, doublings)
	c.doubtful++
	return c.host.sleep(d/2 + rand.N(d/2+1))
}

// unnamed goes on with a batch of which the store refused something, without saying
// what.
func (c *committer) unnamed(batch []*commit, err error) []*commit {
	commands := 0
	for _, one := range batch {
		if one.stores() {
			commands++
		}
	}
	if commands > 1 && c.refusedAlone < aloneToGiveUp {
		return c.halve(batch, commands, 0)
	}
	c.refusedAlone++
	c.host.log.Warn("the store does not take what is to be appended", "writer", int(c.id), "commands", commands, "first", string(batch[0].stream), "error", err)
	return c.without(batch, err, (*commit).stores)
}

// doubtsOf is how many doubts a half takes over.
func doubtsOf(commands, doubts int) int {
	if commands == 1 {
		return 0
	}
	return doubts
}

// halve returns the first half of a batch and leaves the second one behind, each
// with half of the commands that store something.
func (c *committer) halve(batch []*commit, commands, doubts int) []*commit {
	at := 0
	for n := 0; n < commands/2; at++ {
		if batch[at].stores() {
			n++
		}
	}
	c.mu.Lock()
	c.behind = append(c.behind, part{batch[at:], doubtsOf(commands-commands/2, doubts)})
	c.inHand = batch[:at:at]
	c.mu.Unlock()
	return batch[:at:at]
}
