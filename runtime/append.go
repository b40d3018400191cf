package runtime

import (
	"errors"
	"fmt"
	"time"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// answerFirst takes those answers out of a batch that rest on nothing in it, and
// gives them.
func (c *committer) answerFirst(batch []*commit) []*commit {
	c.appends++
	answers := c.answers[:0]
	for _, one := range batch {
		if one.stores() {
			one.actor.storesIn, one.actor.row = c.appends, -1
		} else if one.actor.storesIn != c.appends {
			answers = append(answers, one)
		}
	}
	if len(answers) == 0 {
		return batch
	}
	rest, left := batch[:0], answers
	c.mu.Lock() // who looks for timeouts reads the batch
	for _, one := range batch {
		if len(left) > 0 && one == left[0] {
			left = left[1:]
		} else {
			rest = append(rest, one)
		}
	}
	c.inHand = rest
	c.mu.Unlock()
	c.complete(answers)
	clear(answers)
	c.answers = answers[:0]
	return rest
}

// used lets go of what an append held; its slices are used again.
func (c *committer) used(a *store.Append) {
	clear(a.Events)
	clear(a.Snapshots)
	clear(a.States)
}

// build numbers the events of a batch behind the heads of their slots. Commits of
// one actor follow each other: of its states and snapshots the newest is enough,
// since all of it is stored or nothing.
func (c *committer) build(batch []*commit) (a *store.Append, commands int) {
	a = c.built
	*a = store.Append{
		Member: c.host.cfg.Member, Writer: c.id, Gen: c.gen,
		Claims: a.Claims[:0], Events: a.Events[:0], Snapshots: a.Snapshots[:0], States: a.States[:0],
	}
	for _, one := range batch {
		if !one.stores() {
			continue
		}
		commands++
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
			a.Snapshots = addSnapshot(a.Snapshots, one)
		}
		if one.state != nil {
			a.States = addState(a.States, one)
		}
	}
	return a, commands
}

// addState adds a state, or has it take the place of an older one of its actor,
// which it goes on from.
func addState(states []store.State, one *commit) []store.State {
	a := one.actor
	if a.row < 0 {
		a.row = int32(len(states))
		return append(states, *one.state)
	}
	expected := states[a.row].Expected
	states[a.row] = *one.state
	states[a.row].Expected = expected
	return states
}

// addSnapshot is addState for snapshots; an actor has the one or the other.
func addSnapshot(snapshots []store.Snapshot, one *commit) []store.Snapshot {
	a := one.actor
	if a.row < 0 {
		a.row = int32(len(snapshots))
		return append(snapshots, *one.snapshot)
	}
	snapshots[a.row] = *one.snapshot
	return snapshots
}

// current returns what of a batch may be appended: not what rests on a commit
// that has failed, nor what was decided in a term of its slot that is over.
func (c *committer) current(batch []*commit) []*commit {
	fine := true
	for _, one := range batch {
		if one.isDoomed() || c.isForeign(one) {
			fine = false
			break
		}
	}
	if fine {
		return batch
	}
	return c.without(batch, errNotHeld, c.isForeign)
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

// complete answers what is stored and not in hand any more, each run of commits of
// an actor at once.
func (c *committer) complete(batch []*commit) {
	now := time.Now()
	bytes := int64(0)
	for len(batch) > 0 {
		n := 1
		for n < len(batch) && batch[n].actor == batch[0].actor {
			n++
		}
		for _, one := range batch[:n] {
			bytes += one.weight
		}
		c.host.finish(batch[:n], now)
		batch = batch[n:]
	}
	c.landed(bytes)
}

// refused takes what the store refused out of the batch, answers it, and
// returns the rest. Where the error names nothing of the batch, the batch is halved.
func (c *committer) refused(batch []*commit, err error) []*commit {
	var conflict *store.VersionConflictError
	var duplicate *store.DuplicateMessageError
	var stale *store.StaleSlotError
	guilty := func(*commit) bool { return false }
	switch {
	case errors.As(err, &conflict):
		guilty = func(one *commit) bool { return one.stores() && one.stream == conflict.Stream }
	case errors.As(err, &duplicate):
		guilty = func(one *commit) bool {
			return one.stores() && one.stream == duplicate.Stream && one.envelope.message.ID == duplicate.MessageID
		}
	case errors.As(err, &stale):
		c.lost(stale)
		guilty = func(one *commit) bool { return c.heads[one.slot] == nil }
	case isFenced(err):
		c.fenced(err)
		guilty = func(*commit) bool { return true }
	}
	if rest := c.without(batch, err, guilty); len(rest) < len(batch) {
		return rest
	}
	return c.unnamed(batch, err)
}

// without ends the commits of a batch that are guilty, and what rests on them, and
// returns the others.
func (c *committer) without(batch []*commit, err error, guilty func(*commit) bool) []*commit {
	var rest, out []*commit
	doomed := map[*actor]bool{}
	for _, one := range batch {
		if one.isDoomed() || doomed[one.actor] || guilty(one) {
			doomed[one.actor] = true
			out = append(out, one)
		} else {
			rest = append(rest, one)
		}
	}
	c.setInHand(rest)
	c.fail(out, err)
	return rest
}

// fail ends commits of which nothing is stored, and which are not in hand any
// more: of each actor the first has failed, and what was decided behind it goes
// back, as if it had never been. So the same commands get the same answers
// however many of them share an append.
func (c *committer) fail(out []*commit, err error) {
	for _, one := range out {
		doomed := one.isDoomed()
		one.doom()
		c.leave(one.envelope) // before it is another's: its next answer counts anew
		if one.stores() && !doomed {
			c.host.failed(one, err)
		} else { // an answer rests on what is lost
			c.host.bounced(one)
		}
	}
}

// unknown ends commits of which nobody can find out any more whether they are
// stored. What rests on them can never be appended.
func (c *committer) unknown(batch []*commit, err error) {
	c.setInHand(nil)
	for _, one := range batch {
		one.doom()
		c.leave(one.envelope)
		if one.stores() {
			c.host.failed(one, err)
		} else {
			c.host.bounced(one)
		}
	}
}

func (c *committer) setInHand(batch []*commit) {
	c.mu.Lock()
	c.inHand = batch
	c.mu.Unlock()
}

// lost gives up slots whose claims the store refuses: everything that memory
// holds of them is worthless.
func (c *committer) lost(stale *store.StaleSlotError) {
	var served []ring.Slot
	for _, s := range stale.Slots {
		c.host.log.Error("a slot is not what this member holds it to be, it is given up", "slot", int(s))
		delete(c.heads, s)
		if c.host.disown(s) {
			served = append(served, s)
		}
	}
	c.host.tellLost(served, stale)
}

// fenced gives up everything: the store takes nothing from this member any more,
// so what memory holds can be outdated at any moment.
func (c *committer) fenced(err error) {
	c.host.log.Error("this member is fenced off, all of its slots are given up", "writer", int(c.id), "error", err)
	clear(c.heads)
	var served []ring.Slot
	for s := range c.host.slots {
		if c.host.disown(ring.Slot(s)) {
			served = append(served, ring.Slot(s))
		}
	}
	c.host.tellLost(served, err)
}

func (h *Host) tellLost(slots []ring.Slot, err error) {
	if len(slots) > 0 && h.cfg.OnLost != nil {
		h.cfg.OnLost(slots, err)
	}
}

// certain returns what kept commits from being stored, of which nothing is: neither
// was ever sent, or it can never arrive. What else had no outcome is not theirs.
func certain(err error) error {
	if isUnknown(err) {
		return fmt.Errorf("nothing was stored: %v", err) //nolint:errorlint // it is not their outcome that is unknown
	}
	return err
}

func isUnknown(err error) bool {
	if err == nil {
		return false // without looking, which allocates
	}
	var unknown *store.UnknownOutcomeError
	return errors.As(err, &unknown)
}

func isFenced(err error) bool {
	var fenced *store.FencedError
	return errors.As(err, &fenced)
}
