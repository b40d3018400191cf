package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// raw is the simplest program that makes commands durable, the ceiling: callers
// hand an id over to the writer of its slot, a writer takes all that is pending
// into one transaction and answers. It decides nothing and checks nothing, so
// nothing that keeps Ringhold's promises can be faster with the same rows.
type raw struct {
	store  string
	ids    *ids
	queues []*rawQueue
	sent   int64 // commands that were answered, outside of callers
	done   atomic.Int64
	wg     sync.WaitGroup
}

// rawWriter makes commands durable; it is for one goroutine.
type rawWriter interface {
	commit(ctx context.Context, batch []*rawCommand) error
	close(ctx context.Context) error
}

// rawCommand is a command of a caller, who uses it again when it is answered.
type rawCommand struct {
	id     int
	answer chan error
}

// rawQueue is what waits for a writer.
type rawQueue struct {
	writer  rawWriter
	limit   int // of a transaction
	mu      sync.Mutex
	cond    sync.Cond
	pending []*rawCommand
	stopped bool
}

const rawBatch = 1024 // as Ringhold's

// newRaw starts a goroutine for each writer.
func newRaw(ctx context.Context, store string, of *ids, limit int, writers ...rawWriter) *raw {
	r := &raw{store: store, ids: of}
	for _, w := range writers {
		q := &rawQueue{writer: w, limit: limit}
		q.cond.L = &q.mu
		r.queues = append(r.queues, q)
		r.wg.Go(func() { r.run(context.WithoutCancel(ctx), q) })
	}
	return r
}

func (r *raw) close(ctx context.Context) error {
	for _, q := range r.queues {
		q.mu.Lock()
		q.stopped = true
		q.cond.Signal()
		q.mu.Unlock()
	}
	r.wg.Wait()
	var err error
	for _, q := range r.queues {
		err = errors.Join(err, q.writer.close(context.WithoutCancel(ctx)))
	}
	return err
}

func (r *raw) run(ctx context.Context, q *rawQueue) {
	var batch []*rawCommand
	for {
		q.mu.Lock()
		for len(q.pending) == 0 && !q.stopped {
			q.cond.Wait()
		}
		if len(q.pending) == 0 {
			q.mu.Unlock()
			return
		}
		n := min(len(q.pending), q.limit)
		batch = append(batch[:0], q.pending[:n]...)
		q.pending = append(q.pending[:0], q.pending[n:]...)
		q.mu.Unlock()
		err := q.writer.commit(ctx, batch)
		r.done.Add(1)
		for _, c := range batch {
			c.answer <- err
		}
	}
}

// do makes one command durable.
func (r *raw) do(c *rawCommand) error {
	q := r.queues[int(r.ids.slots[c.id])%len(r.queues)]
	q.mu.Lock()
	q.pending = append(q.pending, c)
	if len(q.pending) == 1 {
		q.cond.Signal()
	}
	q.mu.Unlock()
	return <-c.answer
}

func newRawCommand() *rawCommand { return &rawCommand{answer: make(chan error, 1)} }

// caller uses the ids at random, as the callers of Ringhold do.
func (r *raw) caller(n int) func() error {
	c, random := newRawCommand(), rand.New(rand.NewPCG(uint64(n), 1))
	return func() error {
		c.id = random.IntN(r.ids.n)
		return r.do(c)
	}
}

func (r *raw) warm(ctx context.Context) error {
	r.sent += int64(r.ids.n)
	return each(ctx, 256, r.ids.n, func(id int) error {
		c := newRawCommand()
		c.id = id
		return r.do(c)
	})
}

func (r *raw) settle(context.Context) error {
	for c, id := newRawCommand(), 0; id < min(16, r.ids.n); id++ {
		c.id = id
		r.sent++
		if err := r.do(c); err != nil {
			return err
		}
	}
	return nil
}

func (r *raw) on() string { return r.store }

func (r *raw) appended() int64 { return r.done.Load() }

// noStore is a writer that stores nothing: what handing over costs alone.
type noStore struct{}

func (noStore) commit(context.Context, []*rawCommand) error { return nil }
func (noStore) close(context.Context) error                 { return nil }

// positions are where the next row of each id and slot goes. An id and its slot
// belong to one writer.
type positions struct {
	ids      *ids
	versions []int64
	offsets  []int64
}

func newPositions(of *ids) *positions {
	return &positions{ids: of, versions: make([]int64, of.n), offsets: make([]int64, slots)}
}

// next returns the next version of an id and the next offset of its slot.
func (p *positions) next(id int) (version, offset int64) {
	slot := p.ids.slots[id]
	version, offset = p.versions[id], p.offsets[slot]
	p.versions[id]++
	p.offsets[slot]++
	return version, offset
}
