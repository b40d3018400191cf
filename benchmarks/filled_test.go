package main

import (
	"strings"
	"testing"

	"github.com/ringhold/ringhold/internal/pgtest"
)

// A table is filled, measured on twice, and found again where it was left.
func TestFilledTableIsUsedAgain(t *testing.T) {
	t.Setenv(postgresEnv, pgtest.Start(t, pgtest.Options{}).Superuser(t))
	b := &bench{options: options{dir: t.TempDir(), events: 1000}}
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	ctx := t.Context()
	if err := fillOnly(ctx, b, &result{}); err != nil {
		t.Fatal(err)
	}
	const each = 5
	for run := range int64(2) {
		p, err := b.newPlace(ctx, onPostgres)
		if err != nil {
			t.Fatal(err)
		}
		f := newFill(p, b.events)
		from, err := f.filled(ctx)
		if err != nil || from != "ringhold_bench_filled_1000" {
			t.Fatalf("run %d: the table is in %q: %v", run, from, err)
		}
		if err := f.adopt(ctx, from); err != nil {
			t.Fatal(err)
		}
		if f.added != each*run {
			t.Errorf("run %d: %d events were added, want %d", run, f.added, each*run)
		}
		h, err := p.host(ctx, setup{group: growthGroup, ids: f.some(each)})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.warm(ctx); err != nil {
			t.Fatal(err)
		}
		if err := h.check(ctx, f.total()+f.added); err != nil {
			t.Error(err)
		}
		var epoch int64 // each owner's is above the last one's, of whom fill was the first
		if err := b.server.conn.QueryRow(ctx, `SELECT max(epoch) FROM `+p.schema+`.events`).Scan(&epoch); err != nil || epoch != run+2 {
			t.Errorf("run %d: the newest event is of epoch %d, want %d: %v", run, epoch, run+2, err)
		}
		if err := h.close(ctx); err != nil {
			t.Error(err)
		}
		if err := p.close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilledTableOfAnotherVersionIsRefused(t *testing.T) {
	t.Setenv(postgresEnv, pgtest.Start(t, pgtest.Options{}).Superuser(t))
	b := &bench{options: options{dir: t.TempDir(), events: 100}}
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	ctx := t.Context()
	if err := fillOnly(ctx, b, &result{}); err != nil {
		t.Fatal(err)
	}
	if err := b.server.exec(ctx, `DROP INDEX ringhold_bench_filled_100.events_deleted`); err != nil {
		t.Fatal(err)
	}
	p, err := b.newPlace(ctx, onPostgres)
	if err != nil {
		t.Fatal(err)
	}
	f := newFill(p, b.events)
	if err := f.adopt(ctx, f.home()); err == nil || !strings.Contains(err.Error(), "another version of the store") {
		t.Errorf("%v, want that the table is another one", err)
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
	if from, err := f.filled(ctx); err != nil || from != f.home() {
		t.Errorf("the refused table is in %q: %v", from, err)
	}
}
