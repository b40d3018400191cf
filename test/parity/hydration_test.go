package parity

import (
	"context"
	"fmt"
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// loadOf is what the store would load an aggregate from.
func loadOf(t *testing.T, g *group, id message.AggregateID) store.Loaded {
	t.Helper()
	loaded, err := g.store.Load(t.Context(), []store.LoadRequest{{Stream: message.StreamName(tallies).Of(id), Hydrate: true, Events: 100}})
	if err != nil {
		t.Fatal(err)
	}
	return loaded[0]
}

func TestHandler_SnapshotsEveryNEvents(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := start(hosting(newTallies()).snapshots(3))
		at := []message.Version{-1, -1, 2, 2, 2, 5, 5}
		for i, expected := range at {
			g.do("add", fmt.Sprintf(`{"id":"a","n":%d}`, i+1))
			v := message.NoVersion
			if s := loadOf(t, g, "a").Snapshot; s != nil {
				v = s.Version
			}
			same(t, fmt.Sprintf("snapshot after %d events", i+1), v, expected)
		}
	})
}

func TestHandler_StateBasedKeepsItsStateInOneRow(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.StateBased()
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a","n":2}`)
		l := loadOf(t, g, "a")
		if l.State == nil || l.State.Version != 1 || len(l.State.Recent) != 2 {
			t.Fatalf("state row %+v", l.State)
		}
		same(t, "events", len(l.Events), 0)
	})
}

func TestHandler_HydratedFromAllEvents(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.HydrateWith(func(ctx context.Context, h *aggregate.Hydration[tally]) error { return h.Replay(ctx) })
		g := start(hosting(d).snapshots(2))
		for range 5 {
			g.do("add", `{"id":"a","n":1}`)
		}
		g.unload("a")
		state, v, _ := g.read("a")
		same(t, "state", state, tally{N: 5, Applied: []string{"added", "added", "added", "added", "added"}})
		same(t, "version", v, 4)
		want(t, g.do("add", `{"id":"a","n":1}`), ok(5, 6))
	})
}

func TestHandler_HydratedFromTheSnapshotAndTheTail(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := start(hosting(newTallies()).snapshots(3))
		for range 5 {
			g.do("add", `{"id":"a","n":1}`)
		}
		l := loadOf(t, g, "a")
		same(t, "tail", types(l.Events), []string{"added", "added"})
		// The same events with another effect: only those behind the snapshot have it.
		d := &definition{Definition: aggregate.New[tally](tallies)}
		d.added = aggregate.Event(d.Definition, "added", func(s *tally, e added) { s.N += 100 * e.N })
		d.command("look", func(m *msg, s tally, _ request) decision { return m.OK(s.N) })
		g.restartWith(hosting(d).snapshots(3))
		want(t, g.do("look", `{"id":"a"}`), ok(4, 203))
	})
}

func TestHandler_ASnapshotOfAnotherSchemaIsLeftAside(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := start(hosting(newTallies()).snapshots(3))
		for range 5 {
			g.do("add", `{"id":"a","n":1}`)
		}
		d := newTallies()
		d.Schema(2)
		g.restartWith(hosting(d).snapshots(3))
		want(t, g.do("look", `{"id":"a"}`), ok(4, 5))
		want(t, g.do("add", `{"id":"a","n":1}`), ok(5, 6))
		same(t, "schema of the new snapshot", loadOf(t, g, "a").Snapshot.Schema, 2)
	})
}

func TestHandler_HydratedFromAStateFoundElsewhere(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		elsewhere := map[message.AggregateID]tally{"a": {N: 40}}
		d := newTallies()
		d.HydrateWith(func(ctx context.Context, h *aggregate.Hydration[tally]) error {
			if err := h.Default(ctx); err != nil {
				return err
			}
			s, v := h.Current()
			s.N += elsewhere[h.ID()].N
			h.Use(*s, v)
			return nil
		})
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":2}`)
		g.unload("a")
		want(t, g.do("add", `{"id":"a","n":1}`), ok(1, 43))
	})
}

func TestHandler_WhatHydrationYieldsInsteadIsTheAnswer(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		why, ran := aggregate.Refuse("archived", "2019"), false
		d := newTallies()
		d.HydrateWith(func(ctx context.Context, h *aggregate.Hydration[tally]) error {
			if why != nil {
				return why
			}
			return h.Default(ctx)
		})
		d.command("add_noted", func(m *msg, _ tally, _ request) decision { ran = true; return m.OK() })
		g := serving(t, start, d)
		want(t, g.do("add_noted", `{"id":"a"}`), refusal("archived", "2019"))
		same(t, "ran", ran, false)
		eventually(t, func() bool { return g.inMemory() == 0 })
		why = nil
		want(t, g.do("add_noted", `{"id":"a"}`), ok(message.NoVersion))
	})
}
