package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	coldGoal   = 20_000
	coldEvents = 10
	coldIDs    = 10_000
)

// cold asks how long 10,000 cold aggregates take that are hit at once.
func cold(ctx context.Context, b *bench, r *result) error {
	r.how("%d streams of %d events; as many callers, each of one aggregate that is not in memory, all at once; until the last is answered, the best of %d rounds.", coldIDs, coldEvents, b.rounds)
	t := table{Title: "Hit at once", Columns: []string{"store", "with", "took", "aggregates/s", "p50", "p99", "queries", "process CPU", "server CPU"}}
	for _, kind := range []string{onSQLite, onPostgres} {
		if !b.uses(kind) {
			continue
		}
		for _, what := range []string{"a read", "a durable command"} {
			best := coldRun{}
			for range b.rounds {
				one, err := coldOnce(ctx, b, kind, what == "a read")
				if err != nil {
					return fmt.Errorf("%s: %w", kind, err)
				}
				if one.perSecond > best.perSecond {
					best = one
				}
			}
			t.Rows = append(t.Rows, []string{
				title(kind), what, milliseconds(best.took), number(best.perSecond), milliseconds(best.p50), milliseconds(best.p99),
				fmt.Sprint(best.queries), milliseconds(best.cost.process), milliseconds(best.cost.server),
			})
			if kind == onPostgres {
				g := goal{Text: "cold aggregates a second, hit at once with " + what, Goal: coldGoal, Figure: best.perSecond, Unit: "/s"}
				r.Goals = append(r.Goals, g)
			}
		}
	}
	if len(t.Rows) == 0 {
		return errors.New("it needs SQLite or PostgreSQL, see -stores")
	}
	r.Tables = append(r.Tables, t)
	return nil
}

type coldRun struct {
	figure
	queries int64
}

func coldOnce(ctx context.Context, b *bench, kind string, read bool) (run coldRun, err error) {
	y := history{ids: newIDs("acc", coldIDs, smallestPayload), events: coldEvents, payload: hydratePayload}
	err = b.onHistory(ctx, kind, y, func(h *hosted) error {
		collect()
		before, err := b.used(ctx, kind)
		if err != nil {
			return err
		}
		latencies, took, err := h.hitAll(read)
		if err != nil {
			return err
		}
		after, err := b.used(ctx, kind)
		if err != nil {
			return err
		}
		if !read {
			h.sent += coldIDs
		}
		run.figure, err = newFigure(latencies, took)
		run.cost, run.queries = since(before, after), h.store.loads.Load()
		return err
	})
	return run, err
}

// hitAll uses each aggregate once, all at the same time.
func (h *hosted) hitAll(read bool) ([]time.Duration, time.Duration, error) {
	latencies, faults := make([]time.Duration, h.ids.n), make([]error, h.ids.n)
	start := make(chan struct{})
	var ready, done sync.WaitGroup
	for id := range h.ids.n {
		c := h.client()
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			at := time.Now()
			if read {
				var balance int
				if balance, faults[id] = c.balance(id); faults[id] == nil && balance != amount*coldEvents {
					faults[id] = fmt.Errorf("%s was loaded with a balance of %d, it has %d", h.ids.streams[id], balance, amount*coldEvents)
				}
			} else {
				faults[id] = c.deposit(id)
			}
			latencies[id] = time.Since(at)
		})
	}
	ready.Wait()
	began := time.Now()
	close(start)
	done.Wait()
	took := time.Since(began)
	if err := errors.Join(faults...); err != nil {
		return nil, 0, firstLines(err)
	}
	return latencies, took, nil
}
