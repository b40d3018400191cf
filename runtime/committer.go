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

	mu      sync.Mutex
	cond    *sync.Cond
	pending queue
	orders  []order
	stopped bool
	inHand  []*commit // what the goroutine is appending; read for timeouts
	epochs  map[ring.Slot]store.Epoch

	// What follows belongs to the goroutine.
	gen   store.Generation
	heads map[ring.Slot]*store.Claim
	index map[ring.Slot]int // into the claims of the append being made

	done     chan struct{}
	watchdog chan struct{}
}

// order is something else to do on the writer's connection, in order behind the
// appends.
type order struct {
	run  func()
	done chan struct{}
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
		heads: map[ring.Slot]*store.Claim{}, epochs: map[ring.Slot]store.Epoch{}, index: map[ring.Slot]int{},
		done: make(chan struct{}), watchdog: make(chan struct{}),
	}
	if err := w.Raise(ctx, c.gen); err != nil {
		return nil, errors.Join(fmt.Errorf("raise the generation of writer %d: %w", id, err), w.Close())
	}
	c.cond = sync.NewCond(&c.mu)
	go c.run()
	go c.watch()
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
	c.cond.Signal()
	c.mu.Unlock()
}

// do runs f on the committer's goroutine, behind what was submitted before.
func (c *committer) do(ctx context.Context, f func()) error {
	o := order{run: f, done: make(chan struct{})}
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		return ErrStopped
	}
	c.orders = append(c.orders, o)
	c.cond.Signal()
	c.mu.Unlock()
	select {
	case <-o.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *committer) acquire(ctx context.Context, slots []ring.Slot) (claims []store.Claim, err error) {
	doErr := c.do(ctx, func() {
		if claims, err = c.writer.Acquire(ctx, slots); err != nil {
			return
		}
		for _, claim := range claims {
			c.hold(claim)
		}
	})
	return claims, errors.Join(doErr, err)
}

func (c *committer) release(ctx context.Context, slots []ring.Slot) (err error) {
	doErr := c.do(ctx, func() {
		var claims []store.Claim
		for _, s := range slots {
			if held := c.heads[s]; held != nil {
				claims = append(claims, *held)
				c.letGo(s)
			}
		}
		if len(claims) > 0 {
			err = c.writer.Release(ctx, claims)
		}
	})
	return errors.Join(doErr, err)
}

func (c *committer) hold(claim store.Claim) {
	c.heads[claim.Slot] = &claim
	c.mu.Lock()
	c.epochs[claim.Slot] = claim.Epoch
	c.mu.Unlock()
}

func (c *committer) letGo(s ring.Slot) {
	delete(c.heads, s)
	c.mu.Lock()
	delete(c.epochs, s)
	c.mu.Unlock()
}

func (c *committer) epoch(s ring.Slot) store.Epoch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epochs[s]
}

// stop commits what is pending and closes the writer.
func (c *committer) stop() {
	c.mu.Lock()
	c.stopped = true
	c.cond.Signal()
	c.mu.Unlock()
	<-c.done
	close(c.watchdog)
}

func (c *committer) run() {
	defer close(c.done)
	for {
		c.mu.Lock()
		for c.pending.head == nil && len(c.orders) == 0 && !c.stopped {
			c.cond.Wait()
		}
		batch := c.take()
		orders := c.orders
		if c.pending.head != nil {
			orders = nil // they go behind all that was submitted before them
		} else {
			c.orders = nil
		}
		c.inHand = batch
		stop := c.stopped && len(batch) == 0 && len(orders) == 0
		c.mu.Unlock()
		if stop {
			if err := c.writer.Close(); err != nil {
				c.host.log.Warn("close a writer", "writer", int(c.id), "error", err)
			}
			return
		}
		c.commit(batch)
		for _, o := range orders {
			o.run()
			close(o.done)
		}
	}
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
