package runtime

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

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
	pending   lanes
	submitted uint64 // what was ever pending
	orders    []order
	stopped   bool
	inHand    []*commit     // what the goroutine is appending; read for timeouts
	behind    []part        // of the batch that it has halved, the next one last
	watching  bool          // the watch ticks
	parked    []parkedActor // the first one is next

	bytes   atomic.Int64 // of what was decided, or is being decided, and is not completed
	waiting atomic.Int32 // actors that are parked, or about to be

	// What follows belongs to the goroutine.
	gen          store.Generation
	doubtful     int  // unknown outcomes of one append that it has paused for, since something was stored
	refusedAlone int  // commits that the store refused alone, naming nobody, since something was stored
	unsure       bool // something of an unknown outcome may still arrive: the writer has to be raised first
	heads        map[ring.Slot]*held
	appends      uint64 // that were built
	batch        []*commit
	answers      []*commit     // of a batch that need no append
	built        *store.Append // the last one, to be used again

	watchdog chan struct{} // wakes the watch
	over     chan struct{} // closed once nothing can time out any more
	wg       sync.WaitGroup
}

func newCommitter(ctx context.Context, h *Host, id store.WriterID) (*committer, error) {
	w, err := h.cfg.Store.Writer(ctx, h.cfg.Member, id)
	if err != nil {
		return nil, fmt.Errorf("open writer %d: %w", id, err)
	}
	c := &committer{
		host: h, id: id, writer: w, gen: 1,
		heads: map[ring.Slot]*held{}, built: &store.Append{}, watchdog: make(chan struct{}, 1), over: make(chan struct{}),
	}
	c.pending.all = make([]lane, (h.cfg.Slots+h.cfg.Writers-1)/h.cfg.Writers)
	if err := w.Raise(ctx, c.gen); err != nil {
		return nil, errors.Join(fmt.Errorf("raise the generation of writer %d: %w", id, err), w.Close())
	}
	c.cond = sync.NewCond(&c.mu)
	c.wg.Go(c.run)
	c.wg.Go(c.watch)
	return c, nil
}

// submit queues a commit. It is the committer's from now on.
func (c *committer) submit(one *commit) {
	reserved := one.weight
	one.weight = one.bytes()
	c.bytes.Add(one.weight - reserved)
	if one.stores() {
		one.envelope.sent.Store(true) // before looking whether that is still possible: see abandon
	}
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		c.leave(one.envelope)
		c.host.failed(one, ErrStopped)
		return
	}
	c.submitted++
	one.seq = c.submitted
	c.pending.push(int(one.slot)/c.host.cfg.Writers, one)
	if !c.watching {
		c.watching = true
		signal(c.watchdog)
	}
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
	defer close(c.over)
	for {
		batch, orders, stop := c.wait()
		if stop {
			if err := c.writer.Close(); err != nil {
				c.host.log.Warn("close a writer", "writer", int(c.id), "error", err)
			}
			return
		}
		c.commit(batch)
		for i := range orders {
			orders[i].run()
			orders[i] = order{} // those that are not due yet share the array
		}
	}
}

// wait returns what is to be done next: a batch, and then the orders that go
// behind it but not behind what is still pending. Stop: nothing comes any more.
func (c *committer) wait() (batch []*commit, orders []order, stop bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.batch) // nothing of it is kept while there is nothing to do
	for c.pending.count == 0 && len(c.orders) == 0 && !c.stopped {
		c.cond.Wait()
	}
	c.batch = c.pending.take(c.batch[:0], c.host.cfg.BatchCommands, int64(c.host.cfg.BatchBytes))
	c.inHand = c.batch
	due := 0
	for due < len(c.orders) && !c.pending.before(c.orders[due].after) {
		due++
	}
	if orders, c.orders = c.orders[:due:due], c.orders[due:]; len(c.orders) == 0 {
		c.orders = nil
	}
	return c.batch, orders, c.stopped && len(c.batch) == 0 && due == 0
}
