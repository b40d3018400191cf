package runtime

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// committer is the commit pipeline of one writer. One goroutine takes what is
// pending, appends it in one transaction and completes the commands, so that
// under load many commands share a commit and an idle host adds no wait.
type committer struct {
	host   *Host
	id     store.WriterID
	writer store.Writer

	mu        sync.Mutex
	cond      *sync.Cond
	pending   queue
	submitted uint64 // commits that were ever pending
	taken     uint64 // commits that were ever taken
	orders    []order
	stopped   bool
	inHand    []*commit // what the goroutine is appending; read for timeouts

	// What follows belongs to the goroutine.
	gen     store.Generation
	unsure  bool // something of an unknown outcome may still arrive: the writer has to be raised first
	heads   map[ring.Slot]*held
	appends uint64 // that were built

	watchdog chan struct{} // closed once nothing can time out any more
	wg       sync.WaitGroup
}

// held is a slot as the writer knows it.
type held struct {
	store.Claim
	givenUp   bool         // the host serves it no longer, but the store still has it as the member's
	claimedBy uint64       // the number of the append that claims it
	next      store.Offset // of that append's next event
}

// order is something else to do on the writer's connection, in order behind the
// appends.
type order struct {
	run   func()
	after uint64 // so many commits go before it
}

// queue is a first-in first-out list of commits.
type queue struct{ head, tail *commit }

func (q *queue) push(c *commit) {
	if q.tail == nil {
		q.head = c
	} else {
		q.tail.next = c
	}
	q.tail = c
}

func newCommitter(ctx context.Context, h *Host, id store.WriterID) (*committer, error) {
	w, err := h.cfg.Store.Writer(ctx, h.cfg.Member, id)
	if err != nil {
		return nil, fmt.Errorf("open writer %d: %w", id, err)
	}
	c := &committer{
		host: h, id: id, writer: w, gen: 1,
		heads: map[ring.Slot]*held{}, watchdog: make(chan struct{}),
	}
	if err := w.Raise(ctx, c.gen); err != nil {
		return nil, errors.Join(fmt.Errorf("raise the generation of writer %d: %w", id, err), w.Close())
	}
	c.cond = sync.NewCond(&c.mu)
	c.wg.Go(c.run)
	c.wg.Go(c.watch)
	return c, nil
}

// submit queues a commit; its actor is continued once the outcome is known.
func (c *committer) submit(one *commit) {
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		c.host.finish(one, ErrStopped)
		return
	}
	c.pending.push(one)
	c.submitted++
	c.cond.Signal()
	c.mu.Unlock()
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
		var unknown *store.UnknownOutcomeError
		switch {
		case isFenced(err):
			c.fenced(err)
			return err
		case !errors.As(err, &unknown):
			return err
		}
		c.host.log.Warn("the outcome of a change of slots is unknown, it is made again", "writer", int(c.id), "error", err)
		if c.unsure = true; !c.host.sleep(firstPause) {
			return err
		}
	}
}

// stop commits what is pending and closes the writer.
func (c *committer) stop() {
	c.mu.Lock()
	c.stopped = true
	c.cond.Signal()
	c.mu.Unlock()
	c.wg.Wait()
}

func (c *committer) run() {
	defer close(c.watchdog)
	for {
		batch, orders, stop := c.wait()
		if stop {
			if err := c.writer.Close(); err != nil {
				c.host.log.Warn("close a writer", "writer", int(c.id), "error", err)
			}
			return
		}
		c.commit(batch)
		for _, o := range orders {
			o.run()
		}
	}
}

// wait returns what is to be done next: a batch, and then the orders that go
// behind it but not behind what is still pending. Stop: nothing comes any more.
func (c *committer) wait() (batch []*commit, orders []order, stop bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.pending.head == nil && len(c.orders) == 0 && !c.stopped {
		c.cond.Wait()
	}
	batch = c.take()
	c.inHand = batch
	due := 0
	for due < len(c.orders) && c.orders[due].after <= c.taken {
		due++
	}
	orders, c.orders = c.orders[:due:due], c.orders[due:]
	return batch, orders, c.stopped && len(batch) == 0 && due == 0
}

// take removes from the pending commits what fits into one append.
func (c *committer) take() []*commit {
	var batch []*commit
	size := 0
	for c.pending.head != nil && len(batch) < c.host.cfg.BatchCommands {
		one := c.pending.head
		if size += one.bytes(); size > c.host.cfg.BatchBytes && len(batch) > 0 {
			break
		}
		if c.pending.head = one.next; c.pending.head == nil {
			c.pending.tail = nil
		}
		one.next = nil
		c.taken++
		batch = append(batch, one)
	}
	return batch
}

// watch answers callers whose commit timeout is over while their commands are
// pending or being appended; the commands go on.
func (c *committer) watch() {
	tick := time.NewTicker(commitTick)
	defer tick.Stop()
	for {
		select {
		case <-c.watchdog:
			return
		case now := <-tick.C:
			c.expire(now)
		}
	}
}
