package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringhold/ringhold/store"
)

// committer runs everything that writes, on one goroutine and one connection:
// what is pending shares a transaction, and so an fsync.
type committer struct {
	path  string
	group string
	db    *sql.DB
	now   func() time.Time

	mu      sync.Mutex
	pending []*request
	closed  bool
	wake    chan struct{} // holds one: something is pending, or closed is set
	done    chan struct{} // closed when the goroutine has ended

	// What follows is the goroutine's.
	session  *session  // nil after a failure, until the next batch opens it
	commits  int64     // as the file has it
	last     time.Time // of the newest event
	commit   func(*session) error
	expected int       // requests of the next batch
	until    time.Time // how long they are waited for
}

// request is one unit of work: all of it is in the batch's transaction, or
// nothing is.
type request struct {
	run   func(*tx) error
	state atomic.Int32 // waiting, then begun or withdrawn
	done  chan error   // has room for the one answer
}

const (
	waiting int32 = iota
	begun
	withdrawn
)

// tx is a batch's transaction as a request sees it.
type tx struct {
	*session
	group string
	now   time.Time
}

func startCommitter(ctx context.Context, s *Store) (*committer, error) {
	c := &committer{
		path: s.path, group: s.group, db: s.writes, now: s.now,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		commit: func(w *session) error { _, err := w.exec(`COMMIT`); return err },
	}
	if err := c.open(ctx); err != nil {
		return nil, explain(s.path, "open", err)
	}
	go c.loop()
	return c, nil
}

// do runs a request and waits for its commit. An error that is not a
// *store.UnknownOutcomeError means that nothing was stored. The end of the
// context withdraws a request that has not begun; of one that has, the outcome
// is then unknown.
func (c *committer) do(ctx context.Context, run func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{run: run, done: make(chan error, 1)}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return store.ErrClosed
	}
	c.pending = append(c.pending, r)
	c.mu.Unlock()
	c.signal()
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.state.CompareAndSwap(waiting, withdrawn) {
			return ctx.Err()
		}
	}
	select {
	case err := <-r.done:
		return err
	default:
		return &store.UnknownOutcomeError{Err: ctx.Err()}
	}
}

func (c *committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// stop refuses new requests, waits for those that came before, and ends the
// connection.
func (c *committer) stop() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.signal()
	<-c.done
	if c.session == nil {
		return nil
	}
	return c.session.end()
}

func (c *committer) loop() {
	defer close(c.done)
	for range c.wake {
		batch, closed := c.take()
		began := time.Now()
		c.answer(batch)
		c.expect(len(batch), time.Since(began))
		if closed {
			return
		}
	}
}

// maxLinger bounds what a request can wait for others to join it.
const maxLinger = time.Millisecond

// expect notes how many requests the next batch should have: those that were
// answered come back soon with their next ones, and join those that came
// meanwhile. Without waiting for them, two halves of the writers take turns,
// each with commits of its own. A quarter of a commit is a fair price.
func (c *committer) expect(answered int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expected = answered + len(c.pending)
	c.until = time.Now().Add(min(took/4, maxLinger))
}

// take returns what is pending, as soon as it is as much as was expected or the
// time for that is over.
func (c *committer) take() (batch []*request, closed bool) {
	timer := time.NewTimer(time.Until(c.until))
	defer timer.Stop()
	for late := false; ; {
		c.mu.Lock()
		if len(c.pending) >= c.expected || c.closed || late {
			batch, c.pending = c.pending, nil
			closed = c.closed
			c.mu.Unlock()
			return batch, closed
		}
		c.mu.Unlock()
		select {
		case <-c.wake:
		case <-timer.C:
			late = true
		}
	}
}

// answer commits those of the batch that were not withdrawn.
func (c *committer) answer(batch []*request) {
	live := batch[:0]
	for _, r := range batch {
		if r.state.CompareAndSwap(waiting, begun) {
			live = append(live, r)
		}
	}
	if len(live) == 0 {
		return
	}
	refused, err := c.transaction(live)
	for i, r := range live {
		switch {
		case err != nil:
			r.done <- err
		default:
			r.done <- refused[i]
		}
	}
}

// open makes sure that there is a connection, and reads what the committer has
// to know of the file.
func (c *committer) open(ctx context.Context) error {
	if c.session != nil {
		return nil
	}
	w, err := openSession(ctx, c.db)
	if err != nil {
		return err
	}
	var last int64
	err = w.one([]any{&c.commits}, `SELECT commits FROM file`)
	if err == nil {
		err = w.one([]any{&last}, `SELECT recorded_at FROM events ORDER BY rowid DESC LIMIT 1`)
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return errors.Join(err, w.end())
	}
	if t := fromMicros(last); t.After(c.last) {
		c.last = t
	}
	c.session = w
	return nil
}

// drop ends a connection whose transaction cannot be trusted any more; an open
// transaction ends with it, unstored.
func (c *committer) drop() {
	if c.session != nil {
		_ = c.session.end() // it is given up because of another error
		c.session = nil
	}
}

// tick is the time of a batch. It never falls, whatever the clock does.
func (c *committer) tick() time.Time {
	if now := c.now(); now.After(c.last) {
		c.last = now
	}
	return c.last
}
