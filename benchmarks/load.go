package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// figure is what callers came to.
type figure struct {
	count     int64
	took      time.Duration
	perSecond float64
	p50, p99  time.Duration

	detail  string // of who came to it
	cost    cost   // of the whole run
	appends int64  // transactions that carried the commands, where they are counted
}

// better returns the one with the higher rate.
func (f figure) better(g figure) figure {
	if g.perSecond > f.perSecond {
		return g
	}
	return f
}

// caller makes what one caller does again and again; n counts callers from 0.
type caller func(n int) func() error

// closedLoop runs callers that each do one thing after the other for some time.
func closedLoop(ctx context.Context, callers int, each time.Duration, of caller) (figure, error) {
	var stop atomic.Bool
	timer := time.AfterFunc(each, func() { stop.Store(true) })
	defer timer.Stop()
	return loop(ctx, callers, of, stop.Load, func() { stop.Store(true) })
}

// countedLoop runs callers until they have done about n things together.
func countedLoop(ctx context.Context, callers int, n int64, of caller) (figure, error) {
	var done atomic.Int64
	return loop(ctx, callers, of, func() bool { return done.Add(1) > n }, func() { done.Store(n) })
}

func loop(ctx context.Context, callers int, of caller, over func() bool, end func()) (figure, error) {
	var wg sync.WaitGroup
	release := context.AfterFunc(ctx, end)
	defer release()
	all := make([][]time.Duration, callers)
	faults := make([]error, callers)
	steps := make([]func() error, callers)
	for c := range callers {
		steps[c] = of(c)
		all[c] = make([]time.Duration, 0, 1024)
	}
	began := time.Now()
	for c := range callers {
		wg.Go(func() {
			for !over() {
				at := time.Now()
				if faults[c] = steps[c](); faults[c] != nil {
					end()
					return
				}
				all[c] = append(all[c], time.Since(at))
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	if err := errors.Join(faults...); err != nil {
		return figure{}, firstLines(err)
	}
	if err := ctx.Err(); err != nil {
		return figure{}, err
	}
	return newFigure(slices.Concat(all...), took)
}

// firstLines shortens the same error of a thousand callers.
func firstLines(err error) error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()[0]
	}
	return err
}

func newFigure(latencies []time.Duration, took time.Duration) (figure, error) {
	if len(latencies) == 0 {
		return figure{}, errors.New("nothing was done in the time given; measure longer with -for")
	}
	slices.Sort(latencies)
	return figure{
		count: int64(len(latencies)), took: took,
		perSecond: float64(len(latencies)) / took.Seconds(),
		p50:       latencies[len(latencies)/2],
		p99:       latencies[len(latencies)*99/100],
	}, nil
}

// each runs do for 0 … n-1 on some goroutines and returns the first fault.
func each(ctx context.Context, callers, n int, do func(i int) error) error {
	var wg sync.WaitGroup
	var next atomic.Int64
	faults := make([]error, callers)
	for c := range callers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil {
					return
				}
				if faults[c] = do(i); faults[c] != nil {
					next.Store(int64(n))
					return
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(faults...); err != nil {
		return firstLines(err)
	}
	return ctx.Err()
}
