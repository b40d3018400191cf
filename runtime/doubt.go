package runtime

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

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
	return c.statesAreStored(ctx, a.States)
}

// statesAreStored looks for the rows of an append that has no events. A later
// owner may have gone on, and a row does not say who wrote it; so each message
// has to be known, or one that was asked again there would speak for the others.
func (c *committer) statesAreStored(ctx context.Context, states []store.State) (bool, error) {
	reqs := make([]store.LoadRequest, len(states))
	for i := range states {
		reqs[i] = store.LoadRequest{Stream: states[i].Stream, Hydrate: true}
	}
	found, err := c.host.cfg.Store.Load(ctx, reqs)
	if err != nil {
		return false, err
	}
	for i := range states {
		want, got := &states[i], found[i].State
		if got == nil || got.Version < want.Version || got.Find(want.Recent[len(want.Recent)-1].MessageID) == nil {
			return false, nil
		}
	}
	return true, nil
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
