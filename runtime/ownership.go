package runtime

import (
	"context"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// acquire takes those of the slots that are free and has the host serve them.
// What is held already stays as it is. It returns how many are held then.
func (c *committer) acquire(ctx context.Context, slots []ring.Slot) (got int, err error) {
	answer := make(chan int, 1)
	err = c.do(ctx, func() error {
		if ctx.Err() != nil {
			return ctx.Err() // it was given up before it began
		}
		n, err := c.acquireNow(slots)
		answer <- n
		return err
	})
	if err == nil {
		got = <-answer
	}
	return got, err
}

func (c *committer) acquireNow(slots []ring.Slot) (got int, err error) {
	var free []ring.Slot
	for _, s := range slots {
		if held := c.heads[s]; held == nil || held.givenUp { // then a new term begins
			free = append(free, s)
		}
	}
	got = len(slots) - len(free)
	if len(free) == 0 {
		return got, nil
	}
	var claims []store.Claim
	err = c.surely(func(ctx context.Context) (err error) {
		claims, err = c.writer.Acquire(ctx, free)
		return err
	})
	for _, claim := range claims {
		c.heads[claim.Slot] = &held{Claim: claim}
		c.host.own(claim)
	}
	return got + len(claims), err
}

// release gives slots up that the host has stopped serving. An error says that
// the store may still have them as the member's; calling it again is safe.
func (c *committer) release(ctx context.Context, slots []ring.Slot) error {
	return c.do(ctx, func() error {
		for _, s := range slots {
			c.host.disown(s) // an acquisition may have come between
			if held := c.heads[s]; held != nil {
				held.givenUp = true
			}
		}
		return c.surely(func(ctx context.Context) error {
			var claims []store.Claim
			for _, s := range slots {
				if held := c.heads[s]; held != nil {
					claims = append(claims, held.Claim)
				}
			}
			if len(claims) == 0 {
				return nil
			}
			err := c.writer.Release(ctx, claims)
			if err == nil {
				for _, claim := range claims {
					delete(c.heads, claim.Slot)
				}
			}
			return err
		})
	})
}

// surely makes a write that may be repeated, again if its outcome is unknown.
func (c *committer) surely(write func(context.Context) error) error {
	for {
		if c.unsure {
			if err := c.regain(nothing); err != nil {
				return err
			}
		}
		err := write(c.host.endless)
		switch {
		case isFenced(err):
			c.fenced(err)
			return err
		case !isUnknown(err):
			return err
		}
		c.host.log.Warn("the outcome of a change of slots is unknown, it is made again", "writer", int(c.id), "error", err)
		if c.unsure = true; !c.host.sleep(firstPause) {
			return err
		}
	}
}

// do runs f on the committer's goroutine, behind what was submitted before. If
// ctx ends first, do returns but f runs all the same, so that order is kept; f's
// error then has nobody to go to.
func (c *committer) do(ctx context.Context, f func() error) error {
	answer := make(chan error, 1)
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		return ErrStopped
	}
	c.orders = append(c.orders, order{run: func() { answer <- f() }, after: c.submitted})
	c.cond.Signal()
	c.mu.Unlock()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// order is something else to do on the writer's connection, in order behind the
// appends.
type order struct {
	run   func()
	after uint64 // the number of the last commit that goes before it
}

// held is a slot as the writer knows it.
type held struct {
	store.Claim
	givenUp   bool         // the host serves it no longer, but the store still has it as the member's
	claimedBy uint64       // the number of the append that claims it
	next      store.Offset // of that append's next event
}
