package parity

import (
	"context"
	"fmt"
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

// filtering is an aggregate whose events a function sees before they are stored.
func filtering(f func(m *msg, events []aggregate.Pending) ([]aggregate.Pending, error)) *definition {
	d := newTallies()
	d.command("mix", func(m *msg, _ tally, c request) decision {
		return m.Emit(d.added(added{c.N}), d.refused(refused{}), d.added(added{1})).OK()
	})
	d.FilterEvents(f)
	return d
}

// withoutRefused leaves the events "refused" out.
func withoutRefused(_ *msg, events []aggregate.Pending) (kept []aggregate.Pending, err error) {
	for _, e := range events {
		if e.Type() != "refused" {
			kept = append(kept, e)
		}
	}
	return kept, nil
}

func TestHandler_FilterSeesTheEvents(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		var saw []string
		g := serving(t, start, filtering(func(m *msg, events []aggregate.Pending) ([]aggregate.Pending, error) {
			for _, e := range events {
				saw = append(saw, fmt.Sprintf("%s %s %+v", idOf(m), e.Type(), e.Value()))
			}
			return events, nil
		}))
		g.do("open", `{"id":"a","n":5}`)
		saw = nil
		g.do("mix", `{"id":"a","n":2}`)
		same(t, "saw", saw, []string{"a added {N:2}", "a refused {N:0}", "a added {N:1}"})
	})
}

func TestHandler_WhatIsFilteredOutIsNeitherSavedCountedNorApplied(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, filtering(withoutRefused))
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.do("mix", `{"id":"a","n":2}`), ok(2))
		same(t, "stored", types(g.events("a")), []string{"opened", "added", "added"})
		state, v, _ := g.read("a")
		same(t, "state", state, tally{N: 8, Applied: []string{"opened", "added", "added"}})
		same(t, "version", v, 2)
		want(t, g.do("withdraw", `{"id":"a","n":99}`), refusal("not_enough", 8)) // nothing is left of it
		same(t, "stored", len(g.events("a")), 3)
	})
}

func TestHandler_AnErrorOfTheFilterIsTheAnswerAndReloads(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		o := &recorder{}
		d := filtering(func(m *msg, events []aggregate.Pending) ([]aggregate.Pending, error) {
			if m.Service() == "mix" {
				return nil, aggregate.Refuse("over_quota", 7)
			}
			return events, nil
		})
		n := &notes{}
		d.OnRollback(func(_ context.Context, m *msg, before tally) {
			n.add(fmt.Sprintf("rollback %s on %d", m.Service(), before.N))
		})
		s := hosting(d)
		s.observer = o
		g := start(s)
		g.do("open", `{"id":"a","n":5}`)
		o.clear()
		want(t, g.do("mix", `{"id":"a","n":2}`), refusal("over_quota", 7))
		same(t, "callbacks", n.take(), []string{"rollback mix on 5"})
		same(t, "stored", types(g.events("a")), []string{"opened"})
		want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
		same(t, "spawned again", o.count(spawned), 1)
	})
}

func TestHandler_ADryRunIsFilteredToo(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, filtering(func(m *msg, events []aggregate.Pending) ([]aggregate.Pending, error) {
			if m.Service() == "close" {
				return nil, aggregate.Refuse("over_quota")
			}
			return withoutRefused(m, events)
		}))
		g.do("open", `{"id":"a","n":5}`)
		r := is[message.OK](t, g.dry(message.Verbose, "mix", `{"id":"a","n":2}`))
		same(t, "events", len(r.Events), 2)
		want(t, g.dry(message.Dry, "close", `{"id":"a"}`), refusal("over_quota"))
		want(t, g.do("close", `{"id":"a"}`), refusal("over_quota"))
	})
}

func TestHandler_OnSavedRunsAfterEachCommit(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		for _, stateBased := range []bool{false, true} {
			n := &notes{}
			d := newTallies()
			d.Core().StateBased = stateBased
			d.OnSaved(func(_ context.Context, id message.AggregateID, after tally, v message.Version) {
				n.add(fmt.Sprintf("%s has %d at %d", id, after.N, v))
			})
			g := serving(t, start, d)
			g.do("open", `{"id":"a","n":5}`)
			g.do("add", `{"id":"a","n":2}`)
			g.do("look", `{"id":"a"}`)
			g.do("close", `{"id":"a"}`)
			same(t, "saved", n.take(), []string{"a has 5 at 0", "a has 7 at 1", "a has 0 at 3"})
		}
	})
}

func TestHandler_OnSavedDoesNotRunAfterADryRun(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		n := &notes{}
		d := newTallies()
		d.OnSaved(func(context.Context, message.AggregateID, tally, message.Version) { n.add("saved") })
		g := serving(t, start, d)
		g.dry(message.Dry, "open", `{"id":"a","n":5}`)
		g.dry(message.Verbose, "open", `{"id":"a","n":5}`)
		same(t, "saved", len(n.take()), 0)
	})
}
