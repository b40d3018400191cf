package runtime

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
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

// fenced gives up everything: the store takes nothing from this member any more,
// so what memory holds can be outdated at any moment.
func (c *committer) fenced(err error) {
	c.host.log.Error("this member is fenced off, all of its slots are given up", "writer", int(c.id), "error", err)
	clear(c.heads)
	for s := range c.host.slots {
		c.host.disown(ring.Slot(s))
	}
}

func isFenced(err error) bool {
	var fenced *store.FencedError
	return errors.As(err, &fenced)
}

// resolve finds out what became of an append whose outcome is unknown. What was
// stored, and what nobody can find out any more, is completed; what was not
// stored is returned to be appended again.
func (c *committer) resolve(batch []*commit, a *store.Append, cause error) []*commit {
	c.host.log.Warn("the outcome of an append is unknown, it is being looked up", "writer", int(c.id), "commands", len(batch), "error", cause)
	known, stored := false, false
	err := c.regain(func(ctx context.Context) (err error) {
		if stored, err = c.isStored(ctx, a); err != nil {
			return err
		}
		if stored && !known {
			c.stored(a)
		}
		known = true
		return nil
	})
	switch {
	case stored:
		c.complete(batch, nil)
	case err == nil:
		return batch
	case known: // of a writer that is fenced off: nothing of it can arrive any more
		c.complete(batch, err)
	default:
		c.complete(batch, &store.UnknownOutcomeError{Err: errors.Join(cause, err)})
	}
	return nil
}

// regain makes the writer sure of itself again after a write of unknown
// outcome: it raises the generation, so that nothing that is still under way can
// arrive, lets lookUp find out what did arrive, and compares all slots that it
// holds with the store. It tries until the store answers. An error says that the
// writer is fenced off, after lookUp had its answer, or that the host stops.
func (c *committer) regain(lookUp func(context.Context) error) error {
	ctx := c.host.endless
	c.unsure = true
	for pause := firstPause; ; pause = min(2*pause, longestWait) {
		c.gen++
		err := c.writer.Raise(ctx, c.gen)
		fenced := isFenced(err)
		if err == nil || fenced {
			if lookErr := lookUp(ctx); lookErr != nil {
				err, fenced = lookErr, false
			}
		}
		if err == nil {
			err = c.verify(ctx)
		}
		switch {
		case err == nil:
			c.unsure = false
			return nil
		case fenced:
			c.fenced(err)
			return err
		case !c.host.sleep(pause/2 + rand.N(pause/2+1)):
			return err
		}
	}
}

// nothing is to be looked up.
func nothing(context.Context) error { return nil }

// sleep waits, unless the host stops: then it returns false.
func (h *Host) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-h.ctx.Done():
		return false
	}
}

// isStored looks the first row of an append up: an append is stored whole or
// not at all. It compares the row itself, since the message's id alone could be
// that of an earlier attempt, and that of an erasure is not found by its id.
func (c *committer) isStored(ctx context.Context, a *store.Append) (bool, error) {
	if len(a.Events) > 0 {
		want := &a.Events[0]
		found, err := c.host.cfg.Store.ReadSlot(ctx, want.Slot, want.Offset, 1)
		if err != nil || len(found) == 0 {
			return false, err
		}
		got := &found[0]
		return got.Offset == want.Offset && got.Epoch == want.Epoch && got.Stream == want.Stream &&
			got.Version == want.Version && got.MessageID == want.MessageID, nil
	}
	want := &a.States[0]
	found, err := c.host.cfg.Store.Load(ctx, []store.LoadRequest{{Stream: want.Stream, Hydrate: true}})
	if err != nil || found[0].State == nil {
		return false, err
	}
	got, id := found[0].State, want.Recent[len(want.Recent)-1].MessageID
	return got.Version == want.Version && len(got.Recent) > 0 && got.Recent[len(got.Recent)-1].MessageID == id, nil
}

// verify compares every slot that is held with the store.
func (c *committer) verify(ctx context.Context) error {
	claims := make([]store.Claim, 0, len(c.heads))
	for _, held := range c.heads {
		claims = append(claims, held.Claim)
	}
	wrong, err := c.writer.Verify(ctx, claims)
	if err != nil || len(wrong) == 0 {
		return err
	}
	stale := &store.StaleSlotError{}
	for _, claim := range wrong {
		stale.Slots = append(stale.Slots, claim.Slot)
	}
	c.lost(stale)
	return nil
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
