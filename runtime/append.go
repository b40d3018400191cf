package runtime

import (
	"context"
	"errors"
	"math/rand/v2"
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
	for len(batch) > 0 {
		a, rest := c.build(batch)
		batch = rest
		if len(batch) == 0 {
			return
		}
		began := time.Now()
		err := c.writer.Append(c.host.appendContext(), a)
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

// appendContext is not ended by anything: an append that has begun is finished,
// and what is decided while the host stops is still committed.
func (h *Host) appendContext() context.Context { return context.WithoutCancel(h.ctx) }

// build numbers the events of a batch behind the heads of their slots. It
// returns the batch without the commits of slots that are not held any more,
// which it has answered.
func (c *committer) build(batch []*commit) (*store.Append, []*commit) {
	a := &store.Append{Member: c.host.cfg.Member, Writer: c.id, Gen: c.gen}
	batch = c.held(batch)
	events := 0
	for _, one := range batch {
		events += len(one.events)
	}
	a.Events = make([]store.Event, 0, events)
	clear(c.index)
	next := make(map[int]store.Offset, 8) // of the claims of this append
	for _, one := range batch {
		held := c.heads[one.slot]
		i, known := c.index[one.slot]
		if !known {
			i = len(a.Claims)
			c.index[one.slot] = i
			a.Claims = append(a.Claims, *held)
			next[i] = held.Head.Offset + 1
		}
		for j := range one.events {
			ev := one.events[j]
			ev.Offset, ev.Epoch = next[i], held.Epoch
			next[i]++
			a.Events = append(a.Events, ev)
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
	if !slices.ContainsFunc(batch, func(one *commit) bool { return c.heads[one.slot] == nil }) {
		return batch
	}
	var kept []*commit
	for _, one := range batch {
		if c.heads[one.slot] != nil {
			kept = append(kept, one)
		} else {
			c.host.finish(one, errNotHeld)
		}
	}
	c.setInHand(kept)
	return kept
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
	c.mu.Lock()
	c.inHand = nil
	c.mu.Unlock()
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
		c.letGo(s)
		c.host.disown(s)
	}
}

// resolve finds out what became of an append whose outcome is unknown: it
// raises the generation, so that nothing of it can arrive any more, and looks
// its commands up. If it was stored, its commands are completed; if not, they
// are returned to be appended again.
func (c *committer) resolve(batch []*commit, a *store.Append, cause error) []*commit {
	c.host.log.Warn("the outcome of an append is unknown, it is being looked up", "writer", int(c.id), "commands", len(batch), "error", cause)
	ctx := c.host.appendContext()
	pause := firstPause
	for {
		c.gen++
		err := c.writer.Raise(ctx, c.gen)
		var stored bool
		if err == nil {
			stored, err = c.isStored(ctx, batch[0])
		}
		if err == nil {
			if stored {
				c.stored(a)
			}
			err = c.verify(ctx)
		}
		switch {
		case err == nil && stored:
			c.complete(batch, nil)
			return nil
		case err == nil:
			return batch
		}
		var fenced *store.FencedError
		if errors.As(err, &fenced) {
			c.complete(batch, err)
			return nil
		}
		if c.stopping() {
			c.complete(batch, err)
			return nil
		}
		time.Sleep(pause/2 + rand.N(pause/2+1))
		pause = min(2*pause, longestWait)
	}
}

func (c *committer) stopping() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped
}

// isStored looks one command of an append up: an append is stored whole or not
// at all.
func (c *committer) isStored(ctx context.Context, one *commit) (bool, error) {
	id := one.envelope.message.ID
	req := store.LoadRequest{Stream: one.stream, Messages: []message.ID{id}, Hydrate: one.state != nil}
	found, err := c.host.cfg.Store.Load(ctx, []store.LoadRequest{req})
	if err != nil {
		return false, err
	}
	if one.state == nil {
		return found[0].Commands[0] != nil, nil
	}
	row := found[0].State
	return row != nil && row.Version == one.after, nil
}

// verify compares every slot that is held with the store.
func (c *committer) verify(ctx context.Context) error {
	claims := make([]store.Claim, 0, len(c.heads))
	for _, held := range c.heads {
		claims = append(claims, *held)
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
func (c *committer) expire(now time.Time) {
	c.mu.Lock()
	var late []*commit
	for _, one := range c.inHand {
		if now.After(one.deadline) {
			late = append(late, one)
		}
	}
	for one := c.pending.head; one != nil; one = one.next {
		if now.After(one.deadline) {
			late = append(late, one)
		}
	}
	c.mu.Unlock()
	for _, one := range late {
		m := one.envelope.message
		if !one.envelope.answered.Load() {
			c.host.cfg.Observer.CommitTimeout(m)
		}
		one.envelope.answer(message.OutcomeUnknown{Service: m.Service, MessageID: m.ID, Timeout: one.timeout})
	}
}
