package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringhold/ringhold/message"
)

const (
	openShare   = 0.7
	openCallers = 1024
)

// openLoop asks how long callers wait who do not wait for each other: commands
// are due at times that were fixed before, and a command's latency counts from
// when it was due, so that a stall is seen by all that were due in it.
func openLoop(ctx context.Context, b *bench, r *result) error {
	of := newIDs("acc", b.ids, b.payload)
	kind := b.durableStore()
	r.how("On %s: %d callers in a closed loop over %v find the best rate; then, for %v, commands come at %.0f %% of it, at random times (Poisson) that do not depend on answers; latencies count from when a command was due. Ringhold has as many writers as it takes by itself, or as -writers says.", title(kind), openCallers, b.each, 2*b.each, 100*openShare)
	t := table{Title: "Open loop", Columns: []string{"best rate", "commands/s offered", "answered", "p50", "p99", "p99.9", "most in flight", "late by the generator, p99"}}
	var o opened
	closed := figure{}
	err := b.onHost(ctx, kind, of, func(h *hosted) (err error) {
		if closed, err = b.measure(ctx, h, openCallers); err != nil {
			return err
		}
		b.progress("open: %s/s are the best, %s/s are offered", number(closed.perSecond), number(openShare*closed.perSecond))
		if o, err = h.open(ctx, openShare*closed.perSecond, 2*b.each); err != nil {
			return err
		}
		return h.check(ctx, closed.count+int64(len(o.latencies)))
	})
	if err != nil {
		return err
	}
	f, err := newFigure(o.latencies, o.took)
	if err != nil {
		return err
	}
	late, err := newFigure(o.late, o.took)
	if err != nil {
		return err
	}
	t.Rows = append(t.Rows, []string{
		number(closed.perSecond) + "/s", number(openShare * closed.perSecond), number(f.perSecond) + "/s", milliseconds(f.p50), milliseconds(f.p99),
		milliseconds(o.latencies[len(o.latencies)*999/1000]), fmt.Sprint(o.most), milliseconds(late.p99),
	})
	r.Tables = append(r.Tables, t)
	return nil
}

// onHost runs f on a host of live aggregates in a place of its own.
func (b *bench) onHost(ctx context.Context, kind string, of *ids, f func(*hosted) error) (err error) {
	p, err := b.newPlace(ctx, kind)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	h, err := p.host(ctx, setup{group: "bench", ids: of})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close(ctx)) }()
	if err := h.warm(ctx); err != nil {
		return err
	}
	return f(h)
}

// opened is what an open loop came to.
type opened struct {
	latencies []time.Duration
	late      []time.Duration // between when a command was due and when it was sent
	most      int64           // in flight at once
	took      time.Duration
}

// open sends commands at a rate for some time and waits for all answers.
func (h *hosted) open(ctx context.Context, rate float64, during time.Duration) (o opened, err error) {
	var mu sync.Mutex
	var faults []error
	var flying atomic.Int64
	var answers sync.WaitGroup
	random := rand.New(rand.NewPCG(1, 2))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	due := began
	for due.Sub(began) < during && ctx.Err() == nil {
		now := <-tick.C
		for ; due.Before(now) && due.Sub(began) < during; due = due.Add(time.Duration(random.ExpFloat64() / rate * float64(time.Second))) {
			at := due
			o.late = append(o.late, time.Since(at))
			o.most = max(o.most, flying.Add(1))
			answers.Add(1)
			err := h.send(random.IntN(h.ids.n), func(r message.Response) {
				defer answers.Done()
				took := time.Since(at)
				flying.Add(-1)
				mu.Lock()
				defer mu.Unlock()
				if err := isOK(r); err != nil {
					faults = append(faults, err)
					return
				}
				o.latencies = append(o.latencies, took)
			})
			if err != nil {
				return o, err
			}
		}
	}
	answers.Wait()
	o.took = time.Since(began)
	if len(faults) > 0 {
		return o, fmt.Errorf("%d of %d commands failed, the first: %w", len(faults), len(faults)+len(o.latencies), faults[0])
	}
	return o, ctx.Err()
}
