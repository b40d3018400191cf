package main

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// figure is what a closed loop of callers came to.
type figure struct {
	perSecond float64
	p50, p99  time.Duration
}

// closedLoop runs callers that each do one thing after the other for some time.
func closedLoop(callers int, each time.Duration, do func(caller, i int) error) (figure, error) {
	var wg sync.WaitGroup
	var stop atomic.Bool
	all := make([][]time.Duration, callers)
	faults := make([]error, callers)
	began := time.Now()
	for c := range callers {
		wg.Go(func() {
			for i := 0; !stop.Load(); i++ {
				at := time.Now()
				if faults[c] = do(c, i); faults[c] != nil {
					stop.Store(true)
					return
				}
				all[c] = append(all[c], time.Since(at))
			}
		})
	}
	timer := time.AfterFunc(each, func() { stop.Store(true) })
	defer timer.Stop()
	wg.Wait()
	took := time.Since(began)
	if err := errors.Join(faults...); err != nil {
		return figure{}, err
	}
	latencies := slices.Concat(all...)
	slices.Sort(latencies)
	return figure{
		perSecond: float64(len(latencies)) / took.Seconds(),
		p50:       latencies[len(latencies)/2],
		p99:       latencies[len(latencies)*99/100],
	}, nil
}
