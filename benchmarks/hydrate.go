package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	hydrateGoal    = 300_000
	hydratePayload = 60 // a small event, decoded and folded
)

// hydrate asks how many events a second a core folds that loads aggregates.
func hydrate(ctx context.Context, b *bench, r *result) error {
	r.how("256 callers read aggregates that are not in memory, all of a store, each once; events with %d bytes of data. A core is a second of this process's CPU, driver included; the server's CPU is beside it.", hydratePayload)
	t := table{Title: "Loading", Columns: []string{"store", "streams", "events each", "snapshot at", "took", "aggregates/s", "events/s", "events/s a core", "process CPU", "server CPU", "queries"}}
	for _, kind := range []string{onSQLite, onPostgres} {
		if !b.uses(kind) {
			continue
		}
		for _, one := range []history{
			{events: 100}, {events: 1000}, {events: 100, snapshot: 89}, {events: 1000, snapshot: 989},
		} {
			one.payload = hydratePayload
			one.ids = newIDs("acc", max(1, 50*b.ids/one.events), smallestPayload)
			row, perCore, err := hydrateOne(ctx, b, kind, one)
			if err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
			t.Rows = append(t.Rows, row)
			if kind == onPostgres && one.snapshot == 0 {
				r.Goals = append(r.Goals, goal{Text: fmt.Sprintf("events a second a core loads from PostgreSQL, streams of %d", one.events), Goal: hydrateGoal, Figure: perCore, Unit: "/s"})
			}
		}
	}
	if len(t.Rows) == 0 {
		return errors.New("it needs SQLite or PostgreSQL, see -stores")
	}
	r.Tables = append(r.Tables, t)
	r.note("With a snapshot, only the events behind it are read and counted.")
	return nil
}

func hydrateOne(ctx context.Context, b *bench, kind string, y history) (row []string, perCore float64, err error) {
	var used cost
	var took time.Duration
	var queries int64
	err = b.onHistory(ctx, kind, y, func(h *hosted) error {
		collect()
		before, err := b.used(ctx, kind)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := h.readAll(ctx, amount*y.events); err != nil {
			return err
		}
		took = time.Since(began)
		after, err := b.used(ctx, kind)
		used, queries = since(before, after), h.store.loads.Load()
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	behind := y.events
	snapshot := "–"
	if y.snapshot > 0 {
		behind = y.events - y.snapshot - 1
		snapshot = fmt.Sprint(y.snapshot)
	}
	events := float64(y.ids.n * behind)
	perCore = events / used.process.Seconds()
	return []string{
		title(kind), number(float64(y.ids.n)), fmt.Sprint(y.events), snapshot, milliseconds(took), number(float64(y.ids.n) / took.Seconds()),
		number(events / took.Seconds()), number(perCore), milliseconds(used.process), milliseconds(used.server), fmt.Sprint(queries),
	}, perCore, nil
}

// readAll reads each aggregate once and looks at its balance.
func (h *hosted) readAll(ctx context.Context, want int) error {
	return each(ctx, 256, h.ids.n, func(id int) error {
		got, err := h.client().balance(id)
		if err == nil && got != want {
			err = fmt.Errorf("%s was loaded with a balance of %d, it has %d", h.ids.streams[id], got, want)
		}
		return err
	})
}
