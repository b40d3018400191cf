package parity

import (
	"context"
	"fmt"
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

func TestHandler_NewMakesAnAggregate(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.do("open", `{"id":"a","n":5}`), created("a", 0))
		events := g.events("a")
		same(t, "stored", types(events), []string{"opened"})
		same(t, "first version", events[0].Version, 0)
	})
}

func TestHandler_NewStartsBeforeTheFirstVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		var saw message.Version
		d := newTallies()
		d.command("open_seen", func(m *msg, _ tally, _ request) decision {
			saw = m.Version()
			return m.Emit(d.opened(opened{})).Created()
		})
		g := serving(t, start, d)
		g.do("open_seen", `{"id":"a"}`)
		same(t, "decide saw", saw, message.NoVersion)
	})
}

func TestHandler_NewMayMakeTheIDUp(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.handler("open").GenerateID = true
		g := start(s)
		r := is[message.Created](t, g.do("open", `{"n":5}`))
		same(t, "version", r.Version, 0)
		want(t, g.do("look", `{"id":"`+string(r.ID)+`"}`), ok(0, 5))
		want(t, g.do("open", `{"id":"mine","n":5}`), created("mine", 0))
	})
}

func TestHandler_NewOnALiveAggregateIsAConflict(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a","n":1}`)
		want(t, g.do("open", `{"id":"a","n":6}`), conflict(1))
		want(t, g.do("look", `{"id":"a"}`), ok(1, 6))
	})
}

func TestHandler_NewOnAStoredAggregateIsAConflict(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a","n":1}`)
		g.restart()
		want(t, g.do("open", `{"id":"a","n":6}`), conflict(1))
		same(t, "stored", len(g.events("a")), 2)
	})
}

func TestHandler_NewThatAnswersOKGetsItsVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("open_ok", func(m *msg, _ tally, _ request) decision {
			return m.Emit(d.opened(opened{1}), d.added(added{1})).OK()
		})
		g := serving(t, start, d)
		want(t, g.do("open_ok", `{"id":"a"}`), ok(1))
	})
}

func TestHandler_ExistingNeedsAnAggregate(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		for _, service := range []string{"look", "withdraw", "close"} {
			want(t, g.do(service, `{"id":"a","n":1}`), notFound("a"))
		}
		same(t, "in memory", g.inMemory(), 0)
		want(t, g.do("open", `{"id":"a"}`), created("a", 0))
	})
}

func TestHandler_ExistingAnswersWithTheVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.do("withdraw", `{"id":"a","n":1}`), ok(1))
		want(t, g.do("close", `{"id":"a"}`), ok(3))
	})
}

func TestHandler_ExistingAnswersWithValueAndVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.handler("add").On = v1alpha1.OnExisting
		g := start(s)
		want(t, g.do("add", `{"id":"a","n":2}`), notFound("a"))
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.do("add", `{"id":"a","n":2}`), ok(1, 7))
	})
}

func TestHandler_ExistingAnswersANoBlockWithTheVersionToo(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("touch", func(m *msg, _ tally, _ request) decision { return m.OK() })
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a","n":1}`)
		want(t, g.do("touch", `{"id":"a"}`), ok(1))
		want(t, g.do("look", `{"id":"a"}`), ok(1, 6))
	})
}

func TestHandler_MaybeNewLoadsOrMakes(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.do("add", `{"id":"a","n":2}`), ok(0, 2))
		g.restart()
		want(t, g.do("add", `{"id":"a","n":3}`), ok(1, 5))
	})
}

func TestHandler_MaybeNewMayMakeTheIDUp(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.handler("add").GenerateID = true
		g := start(s)
		answer := g.send(g.messageAs("m-1", "add", `{"n":2}`))
		want(t, answer.Response, ok(0, 2))
		same(t, "id", answer.Aggregate.ID, message.GeneratedID(tallies, "m-1"))
		same(t, "stored", len(g.events(answer.Aggregate.ID)), 1)
	})
}

func TestHandler_MaybeNewMakesNothingWhenTheCommandAnswersNotFound(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		runs := 0
		d := newTallies()
		d.command("add_picky", func(m *msg, _ tally, _ request) decision {
			runs++
			return m.Error("not_found")
		})
		g := serving(t, start, d)
		want(t, g.do("add_picky", `{"id":"a"}`), refusal("not_found"))
		same(t, "runs", runs, 1)
		same(t, "stored", len(g.events("a")), 0)
		want(t, g.do("look", `{"id":"a"}`), notFound("a"))
	})
}

func TestHandler_IDFieldOfItsOwn(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		type pay struct {
			AccountID string `json:"account_id"`
			ID        string `json:"id"`
		}
		d := newTallies()
		aggregate.Command(d.Definition, "add_paid", nil, func(m *msg, _ tally, c pay) decision {
			return m.Emit(d.added(added{1})).OK(c.AccountID + " " + c.ID)
		})
		s := hosting(d)
		s.handler("add_paid").ID = "account_id"
		g := start(s)
		want(t, g.do("add_paid", `{"account_id":"a","id":"payment-1"}`), ok(0, "a payment-1"))
		same(t, "stored", len(g.events("a")), 1)
		want(t, g.do("add_paid", `{"id":"payment-1"}`), message.MissingID{Field: "account_id"})
	})
}

// declines is newTallies with commands that store nothing for a new aggregate.
func declines() *definition {
	d := newTallies()
	d.command("open_ok", func(m *msg, _ tally, _ request) decision { return m.OK() })
	d.command("open_value", func(m *msg, _ tally, _ request) decision {
		return m.NoBlock().Emit(d.opened(opened{})).OK("nothing")
	})
	d.command("open_error", func(m *msg, _ tally, _ request) decision { return m.Error("not_today", 7) })
	return d
}

func TestHandler_ANoBlockOnANewAggregateDiscardsIt(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, declines())
		for _, service := range []string{"open_ok", "open_value", "open_error"} {
			g.do(service, `{"id":"a"}`)
			eventually(t, func() bool { return g.inMemory() == 0 })
			want(t, g.do("look", `{"id":"a"}`), notFound("a"))
		}
		want(t, g.do("open", `{"id":"a","n":5}`), created("a", 0))
	})
}

func TestHandler_ANoBlockOnANewAggregateAnswersNoVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, declines())
		want(t, g.do("open_ok", `{"id":"a"}`), ok(message.NoVersion))
		want(t, g.do("open_value", `{"id":"a"}`), ok(message.NoVersion, "nothing"))
	})
}

func TestHandler_ANoBlockOnANewAggregateKeepsAnyOtherResponse(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, declines())
		want(t, g.do("open_error", `{"id":"a"}`), refusal("not_today", 7))
	})
}

func TestHandler_EventMetadataIsMergedIntoEveryEvent(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.metadata = map[string]string{"app_version": "1.0.0", "region": `"eu"`}
		g := start(s)
		g.doAs("m-1", "open", `{"id":"a","n":5}`)
		m := g.messageAs("m-2", "close", `{"id":"a"}`)
		m.CorrelationID, m.CausationID = "c-1", "m-1"
		g.send(m)
		events := g.events("a")
		same(t, "stored", len(events), 3)
		same(t, "first", metadata(t, events[0]), map[string]string{
			"app_version": "1.0.0", "region": `"eu"`, "message_id": "m-1", "correlation_id": "m-1", "causation_id": "m-1",
		})
		for _, e := range events[1:] {
			same(t, e.Type, metadata(t, e), map[string]string{
				"app_version": "1.0.0", "region": `"eu"`, "message_id": "m-2", "correlation_id": "c-1", "causation_id": "m-1",
			})
		}
	})
}

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
		why, ran := error(aggregate.Refuse("archived", "2019")), false
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
		same(t, "in memory", g.inMemory(), 0)
		why = nil
		want(t, g.do("add_noted", `{"id":"a"}`), ok(message.NoVersion))
	})
}

func TestHandler_ADryRunAnswersTheVersionAsItIs(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.dry(message.Dry, "open", `{"id":"a","n":5}`), ok(message.NoVersion))
		want(t, g.dry(message.Dry, "add", `{"id":"a","n":5}`), ok(message.NoVersion, 5))
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.dry(message.Dry, "add", `{"id":"a","n":2}`), ok(0, 7))
		want(t, g.dry(message.Dry, "close", `{"id":"a"}`), ok(0))
		want(t, g.dry(message.Dry, "look", `{"id":"a"}`), ok(0, 5))
	})
}

func TestHandler_ADryRunSavesNothing(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		for _, kind := range []message.DryRun{message.Dry, message.Verbose} {
			d := newTallies()
			d.Core().StateBased = kind == message.Verbose
			g := serving(t, start, d)
			g.do("open", `{"id":"a","n":5}`)
			appends := g.store.appends.Load()
			g.dry(kind, "add", `{"id":"a","n":2}`)
			g.dry(kind, "withdraw", `{"id":"a","n":9}`)
			g.dry(kind, "open", `{"id":"b","n":5}`)
			same(t, "appends", g.store.appends.Load(), appends)
			want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
			g.restart()
			want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
		}
	})
}

func TestHandler_ADryRunOfANewAggregateDiscardsIt(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.dry(message.Dry, "open", `{"id":"a","n":5}`)
		eventually(t, func() bool { return g.inMemory() == 0 })
		want(t, g.do("look", `{"id":"a"}`), notFound("a"))
		want(t, g.do("open", `{"id":"a","n":6}`), created("a", 0))
	})
}

func TestHandler_ARefusalStaysOneInADryRun(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, declines())
		for _, kind := range []message.DryRun{message.Dry, message.Verbose} {
			want(t, g.dry(kind, "look", `{"id":"a"}`), notFound("a"))
			want(t, g.dry(kind, "add", `{"id":"a"}`), invalid("n", "must not be 0"))
			want(t, g.dry(kind, "add", `{}`), message.MissingID{Field: "id"})
			want(t, g.dry(kind, "open_error", `{"id":"a"}`), refusal("not_today", 7))
		}
	})
}

func TestHandler_AnErrorWithEventsStaysOneInADryRun(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		for _, kind := range []message.DryRun{message.Dry, message.Verbose} {
			want(t, g.dry(kind, "withdraw", `{"id":"a","n":9}`), refusal("not_enough", 5))
		}
		same(t, "stored", len(g.events("a")), 1)
	})
}

func TestHandler_NewOnAnExistingAggregateIsAConflictInADryRunToo(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		for _, kind := range []message.DryRun{message.Dry, message.Verbose} {
			want(t, g.dry(kind, "open", `{"id":"a"}`), conflict(0))
		}
	})
}

func TestHandler_AVerboseDryRunAnswersEventsAndVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		r := is[message.OK](t, g.dry(message.Verbose, "close", `{"id":"a"}`))
		same(t, "version", r.Version, 0)
		var got []string
		for _, e := range r.Events {
			got = append(got, e.Type+" "+string(e.Value.JSON))
		}
		same(t, "events", got, []string{`added {"N":-5}`, `closed {}`})
	})
}
