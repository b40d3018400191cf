package main

import (
	"context"
	"time"
)

// cost is what was used between two moments. What was not or cannot be counted
// is -1.
type cost struct {
	process time.Duration // CPU of this process: callers, Ringhold or bare client, embedded store
	server  time.Duration // CPU of all processes of the PostgreSQL server
	syncs   int64         // fsyncs of the server's log
	wal     int64         // bytes of the server's log; of SQLite, all that is written
}

// since returns what was used from before to after.
func since(before, after cost) cost {
	return cost{
		process: time.Duration(less(int64(after.process), int64(before.process))),
		server:  time.Duration(less(int64(after.server), int64(before.server))),
		syncs:   less(after.syncs, before.syncs),
		wal:     less(after.wal, before.wal),
	}
}

func less(after, before int64) int64 {
	if after < 0 || before < 0 {
		return -1
	}
	return after - before
}

// cpu is that of process and server together.
func (c cost) cpu() time.Duration { return max(c.process, 0) + max(c.server, 0) }

// perCPU returns how many commands a second of CPU pays for.
func (f figure) perCPU() float64 {
	if f.cost.cpu() <= 0 {
		return -1
	}
	return float64(f.count) / f.cost.cpu().Seconds()
}

func (f figure) perSync() float64 {
	if f.cost.syncs <= 0 {
		return -1
	}
	return float64(f.count) / float64(f.cost.syncs)
}

func (f figure) walEach() float64 {
	if f.cost.wal < 0 {
		return -1
	}
	return float64(f.cost.wal) / float64(f.count)
}

func (f figure) perAppend() float64 {
	if f.appends <= 0 {
		return -1
	}
	return float64(f.count) / float64(f.appends)
}

// subject is what a run is measured on: Ringhold or a bare client.
type subject interface {
	// caller makes one caller's step: one durable command on an id.
	caller(n int) func() error
	// settle makes every connection that writes commit something, so that
	// the server has counted all that these did before.
	settle(ctx context.Context) error
	// on names the store, whose server's counts are taken.
	on() string
	// appended returns how many transactions carried commands so far; 0 if
	// nobody counts.
	appended() int64
}

// measure runs a closed loop on a subject and counts what it uses.
func (b *bench) measure(ctx context.Context, of subject, callers int) (figure, error) {
	return b.count(ctx, of, func() (figure, error) { return closedLoop(ctx, callers, b.each, of.caller) })
}

// count counts what a run of a subject uses.
func (b *bench) count(ctx context.Context, of subject, run func() (figure, error)) (f figure, err error) {
	if err := b.settle(ctx, of); err != nil {
		return f, err
	}
	collect() // the garbage of what was before is not this run's
	appends := of.appended()
	before, err := b.used(ctx, of.on())
	if err != nil {
		return f, err
	}
	if f, err = run(); err != nil {
		return f, err
	}
	after, err := b.used(ctx, of.on())
	if err != nil {
		return f, err
	}
	f.cost, f.appends = since(before, after), of.appended()-appends
	switch of.on() {
	case onSQLite:
		f.cost.syncs = f.appends // a commit is one fsync of the log
		return f, nil
	case inMemory:
		return f, nil
	}
	if err := b.settle(ctx, of); err != nil {
		return f, err
	}
	settled, err := b.used(ctx, of.on())
	if err != nil {
		return f, err
	}
	// Settling has fsyncs of its own, one to a transaction.
	f.cost.syncs = less(settled.syncs, before.syncs) - (of.appended() - appends - f.appends)
	return f, nil
}

// statsInterval is how long a backend of PostgreSQL keeps its counts to itself
// at most while it works: it hands them on at the first end of a transaction
// after it.
const statsInterval = 1100 * time.Millisecond

// settle makes the server's counts of fsyncs complete.
func (b *bench) settle(ctx context.Context, of subject) error {
	if of.on() != onPostgres {
		return nil
	}
	wait := time.NewTimer(statsInterval)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
	}
	return of.settle(ctx)
}

// used returns what process and server have used so far, the server if the
// store is kept by it.
func (b *bench) used(ctx context.Context, store string) (c cost, err error) {
	c = cost{process: processCPU(), server: -1, syncs: -1, wal: -1}
	switch store {
	case onSQLite:
		c.wal = writtenBytes()
	case onPostgres:
		c.server, c.syncs, c.wal, err = b.server.used(ctx)
	}
	return c, err
}
