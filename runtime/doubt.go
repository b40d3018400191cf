package runtime

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// resolve finds out what became of an append whose outcome is unknown. What was
// stored, and what nobody can find out any more, is completed; what was not
// stored is returned to be appended again.
func (c *committer) resolve(batch []*commit, a *store.Append, cause error) []*commit {
	c.host.log.Warn("the outcome of an append is unknown, it is being looked up", "writer", int(c.id), "commands", len(batch), "error", cause)
	known, stored := false, false
	err := c.regain(func(ctx context.Context) (err error) {
		found, sure, err := c.isStored(ctx, a, batch)
		if err != nil {
			return err
		}
		if found && !known {
			c.stored(a)
		}
		stored, known = found, sure
		return nil
	})
	switch {
	case stored:
		c.setInHand(nil)
		c.complete(batch)
	case err == nil:
		return batch
	case known: // of a writer that is fenced off: nothing of it can arrive any more
		c.setInHand(nil)
		c.fail(batch, certain(err))
	default:
		c.unknown(batch, &store.UnknownOutcomeError{Err: errors.Join(cause, err)})
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
// Sure is false if nobody can tell any more.
func (c *committer) isStored(ctx context.Context, a *store.Append, batch []*commit) (found, sure bool, err error) {
	if len(a.Events) > 0 {
		want := &a.Events[0]
		rows, err := c.host.cfg.Store.ReadSlot(ctx, want.Slot, want.Offset, 1)
		if err != nil {
			return false, false, err
		}
		if len(rows) == 0 {
			return false, true, nil
		}
		got := &rows[0]
		return got.Offset == want.Offset && got.Epoch == want.Epoch && got.Stream == want.Stream &&
			got.Version == want.Version && got.MessageID == want.MessageID, true, nil
	}
	return c.statesAreStored(ctx, a.States, batch)
}

// statesAreStored looks for the rows of an append that has no events. A later
// owner may have gone on, and a row does not say who wrote it; so each message of
// the batch has to be known, or one that was asked again there would speak for the
// others.
func (c *committer) statesAreStored(ctx context.Context, states []store.State, batch []*commit) (found, sure bool, err error) {
	reqs := make([]store.LoadRequest, len(states))
	commands := map[message.Stream]int{}
	for i := range states {
		reqs[i] = store.LoadRequest{Stream: states[i].Stream, Hydrate: true}
	}
	for _, one := range batch {
		if one.stores() {
			commands[one.stream]++
		}
	}
	rows, err := c.host.cfg.Store.Load(ctx, reqs)
	if err != nil {
		return false, false, err
	}
	found, sure = true, true
	for i := range states {
		want, got := &states[i], rows[i].State
		if got == nil || got.Version < want.Version {
			return false, true, nil
		}
		has, known := hasRecent(got.Recent, want.Recent, commands[want.Stream])
		if known && !has {
			return false, true, nil
		}
		found, sure = found && has, sure && known
	}
	return found && sure, sure, nil
}

// hasRecent reports whether a row's newest commands have the last n of others, one
// behind the other, as far as the row reaches back. Known is false if it does not
// reach back to the last of them.
func hasRecent(row, others []store.Processed, n int) (has, known bool) {
	last := others[len(others)-1].MessageID
	at := len(row) - 1
	for at >= 0 && row[at].MessageID != last {
		at--
	}
	if at < 0 {
		return false, len(row) < recentOfState
	}
	for i := 1; i < min(n, len(others)); i++ {
		if i > at {
			return len(row) == recentOfState, true // what it does not reach back to is no proof
		}
		if row[at-i].MessageID != others[len(others)-1-i].MessageID {
			return false, true
		}
	}
	return true, true
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
