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
