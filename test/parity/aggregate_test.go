package parity

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/shard"
	"github.com/ringhold/ringhold/store"
)

func TestAggregate_InitialState(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.Initial(func() tally { return tally{N: 100} })
		g := serving(t, start, d)
		want(t, g.do("add", `{"id":"a","n":1}`), ok(0, 101))
		want(t, g.do("add", `{"id":"b","n":2}`), ok(0, 102))
		g.restart()
		want(t, g.do("look", `{"id":"a"}`), ok(0, 101))
	})
}

func TestAggregate_ValidateRefusesOnState(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		g.do("close", `{"id":"a"}`)
		before, v, _ := g.read("a")
		want(t, g.do("add", `{"id":"a","n":1}`), invalid("", "the tally is closed"))
		after, w, _ := g.read("a")
		same(t, "state", after, before)
		same(t, "version", w, v)
		same(t, "stored", types(g.events("a")), []string{"opened", "added", "closed"})
	})
}

func TestAggregate_CommandOfASingleFunction(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("open_alone", func(m *msg, _ tally, c request) decision { return m.Emit(d.opened(opened{c.N})).Created() })
		g := serving(t, start, d)
		want(t, g.do("open_alone", `{"id":"a","n":5}`), created("a", 0))
	})
}

func TestAggregate_SavedAndCommittedBeforeTheReply(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		stall := g.store.stallNext()
		p := g.begin(g.message("open", `{"id":"a"}`))
		<-stall.reached
		synctest.Wait()
		if p.answered() {
			t.Fatalf("answered before it was stored: %#v", p.response())
		}
		stall.store()
		want(t, p.response(), created("a", 0))
		same(t, "stored", types(g.events("a")), []string{"opened"})
	})
}

func TestAggregate_OneCommandAtATime(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		stall := g.store.stallNext()
		first := g.begin(g.message("add", `{"id":"a","n":1}`))
		<-stall.reached
		second := g.begin(g.message("add", `{"id":"a","n":2}`))
		third := g.begin(g.message("add", `{"id":"a","n":4}`))
		synctest.Wait()
		same(t, "appends", g.store.appends.Load(), 1)
		stall.store()
		want(t, first.response(), ok(0, 1))
		want(t, second.response(), ok(1, 3))
		want(t, third.response(), ok(2, 7))
	})
}

func TestAggregate_NoBlockStoresNothing(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("peek", func(m *msg, s tally, _ request) decision {
			return m.NoBlock().Emit(d.added(added{100})).OK(s.N)
		})
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		for range 2 {
			want(t, g.do("peek", `{"id":"a"}`), ok(0, 5))
			want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
		}
		same(t, "stored", types(g.events("a")), []string{"opened"})
		same(t, "appends", g.store.appends.Load(), 1)
	})
}

// waitsForTheAppend checks that a message is not answered before an append that
// its state rests on is durable.
func waitsForTheAppend(t *testing.T, start start, m func(g *group) *message.Message, expected message.Response) {
	t.Helper()
	g := serving(t, start, newTallies())
	g.doAs("m-0", "open", `{"id":"a","n":5}`)
	stall := g.store.stallNext()
	first := g.begin(g.message("add", `{"id":"a","n":1}`))
	<-stall.reached
	second := g.begin(m(g))
	synctest.Wait()
	if second.answered() {
		t.Fatalf("answered from what is not durable: %#v", second.response())
	}
	stall.store()
	want(t, first.response(), ok(1, 6))
	want(t, second.response(), expected)
}

func TestAggregate_NoBlockWaitsForWhatItsStateRestsOn(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		waitsForTheAppend(t, start, func(g *group) *message.Message { return g.message("look", `{"id":"a"}`) }, ok(1, 6))
	})
}

func TestAggregate_RefusalsWaitForWhatTheirStateRestsOn(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		waitsForTheAppend(t, start, func(g *group) *message.Message { return g.message("open", `{"id":"a"}`) }, conflict(1))
	})
}

func TestAggregate_DryRunsWaitForWhatTheirStateRestsOn(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		waitsForTheAppend(t, start, func(g *group) *message.Message {
			m := g.message("add", `{"id":"a","n":10}`)
			m.DryRun = message.Dry
			return m
		}, ok(1, 16))
	})
}

func TestAggregate_RepeatsWaitForWhatTheirStateRestsOn(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		waitsForTheAppend(t, start, func(g *group) *message.Message { return g.messageAs("m-0", "open", `{"id":"a","n":5}`) }, created("a", 0))
	})
}

func TestAggregate_AFailedSaveLeavesNoTrace(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		stall := g.store.stallNext()
		first := g.begin(g.messageAs("m-1", "add", `{"id":"a","n":1}`))
		<-stall.reached
		second := g.begin(g.message("look", `{"id":"a"}`))
		stall.refuse()
		is[message.ServiceUnavailable](t, first.response())
		want(t, second.response(), ok(0, 5))
		want(t, g.doAs("m-1", "add", `{"id":"a","n":1}`), ok(1, 6))
	})
}

func TestAggregate_ApplyRunsForNewEventsAndForReplay(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a","n":2}`)
		g.do("withdraw", `{"id":"a","n":9}`)
		live, v, _ := g.read("a")
		same(t, "state", live, tally{N: 7, Refused: 1, Applied: []string{"opened", "added", "refused"}})
		g.restart()
		replayed, w, _ := g.read("a")
		same(t, "replayed state", replayed, live)
		same(t, "replayed version", w, v)
	})
}

func TestAggregate_ALongStreamIsReadInPages(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("open_long", func(m *msg, _ tally, c request) decision {
			e := m.Emit(d.opened(opened{}))
			for range c.N {
				e = e.Emit(d.added(added{1}))
			}
			return e.Created()
		})
		g := serving(t, start, d)
		want(t, g.do("open_long", `{"id":"a","n":1234}`), created("a", 1234))
		g.restart()
		want(t, g.do("look", `{"id":"a"}`), ok(1234, 1234))
	})
}

func TestAggregate_AnEventWithoutApplyChangesNothing(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		noted := aggregate.Event[tally, struct{ Text string }](d.Definition, "noted", nil)
		d.command("note", func(m *msg, _ tally, _ request) decision { return m.Emit(noted(struct{ Text string }{"hello"})).OK() })
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		before, _, _ := g.read("a")
		want(t, g.do("note", `{"id":"a"}`), ok(1))
		g.restart()
		after, v, _ := g.read("a")
		same(t, "state", after, before)
		same(t, "version", v, 1)
	})
}

// later is a release whose binary has stored an event that newTallies lacks.
func later() *definition {
	d := newTallies()
	renamed := aggregate.Event(d.Definition, "renamed", func(*tally, struct{ Name string }) {})
	d.command("rename", func(m *msg, _ tally, _ request) decision { return m.Emit(renamed(struct{ Name string }{"x"})).OK() })
	return d
}

func TestAggregate_AnUnknownEventStopsHydrationWithItsName(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, later())
		g.do("open", `{"id":"a","n":5}`)
		g.do("rename", `{"id":"a"}`)
		g.do("open", `{"id":"b","n":5}`)
		g.restartWith(hosting(newTallies()))
		for range 2 {
			r := is[message.Quarantined](t, g.do("look", `{"id":"a"}`))
			if r.Stream != tallies || r.ID != "a" || !strings.Contains(r.Reason, `"renamed"`) {
				t.Errorf("answered %+v", r)
			}
		}
		want(t, g.do("look", `{"id":"b"}`), ok(0, 5))
		g.restartWith(hosting(later()))
		want(t, g.do("look", `{"id":"a"}`), ok(1, 5))
	})
}

func TestAggregate_ARetiredEventIsSkipped(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, later())
		g.do("open", `{"id":"a","n":5}`)
		g.do("rename", `{"id":"a"}`)
		d := newTallies()
		d.Retired("renamed")
		g.restartWith(hosting(d))
		want(t, g.do("add", `{"id":"a","n":2}`), ok(2, 7))
	})
}

func TestAggregate_AnEventIsReadUnderItsFormerNameAndForm(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		old := aggregate.New[tally](tallies)
		moneyIn := aggregate.Event(old, "money_in", func(s *tally, e struct{ Cents int }) { s.N += e.Cents / 100 })
		aggregate.Command(old, "add_old", nil, func(m *msg, _ tally, c request) decision {
			return m.Emit(moneyIn(struct{ Cents int }{100 * c.N})).OK()
		})
		g := serving(t, start, old)
		want(t, g.do("add_old", `{"id":"a","n":5}`), ok(0))
		d := aggregate.New[tally](tallies)
		paid := aggregate.Event(d, "paid", func(s *tally, e added) { s.N += e.N },
			aggregate.Was("money_in", 1, func(o struct{ Cents int }) added { return added{o.Cents / 100} }))
		aggregate.Command(d, "add", nil, func(m *msg, s tally, c request) decision { return m.Emit(paid(added{c.N})).OK(s.N + c.N) })
		g.restartWith(hosting(d))
		want(t, g.do("add", `{"id":"a","n":2}`), ok(1, 7))
		same(t, "stored", types(g.events("a")), []string{"money_in", "paid"})
	})
}

func TestAggregate_EventsThatAreProtobufMessagesAreStoredAsSuch(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := aggregate.New[tally](tallies)
		counted := aggregate.Event(d, "counted", func(s *tally, e *wrapperspb.Int64Value) { s.N += int(e.GetValue()) })
		aggregate.Command(d, "add", nil, func(m *msg, s tally, c request) decision {
			return m.Emit(counted(wrapperspb.Int64(int64(c.N)))).OK(s.N + c.N)
		})
		g := serving(t, start, d)
		g.do("add", `{"id":"a","n":5}`)
		same(t, "encoding", g.events("a")[0].Encoding, store.Proto)
		g.restart()
		want(t, g.do("add", `{"id":"a","n":2}`), ok(1, 7))
	})
}

func TestAggregate_AnotherAggregatesEventIsRefused(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		others := aggregate.New[tally]("others")
		foreign := aggregate.Event(others, "foreign", func(s *tally, _ added) { s.N = 99 })
		d := newTallies()
		d.command("steal", func(m *msg, _ tally, _ request) decision { return m.Emit(foreign(added{1})).OK() })
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		r := is[message.Crashed](t, g.do("steal", `{"id":"a"}`))
		if !strings.Contains(r.Reason, `"foreign"`) {
			t.Errorf("reason %q", r.Reason)
		}
		want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
		same(t, "stored", types(g.events("a")), []string{"opened"})
	})
}

func TestAggregate_SeveralEventsOfACommand(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.do("close", `{"id":"a"}`), ok(2))
		events := g.events("a")
		same(t, "stored", types(events), []string{"opened", "added", "closed"})
		for i, e := range events {
			same(t, "version", e.Version, message.Version(i))
		}
		same(t, "in one append", g.store.appends.Load(), 2)
	})
}

func TestAggregate_SeveralEventsAreStoredWholeOrNotAtAll(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		stall := g.store.stallNext()
		p := g.begin(g.message("close", `{"id":"a"}`))
		<-stall.reached
		stall.refuse()
		is[message.ServiceUnavailable](t, p.response())
		same(t, "stored", types(g.events("a")), []string{"opened"})
		want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
	})
}

func TestAggregate_EventsTogetherWithAnErrorAreSaved(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.doAs("m-1", "withdraw", `{"id":"a","n":9}`), refusal("not_enough", 5))
		same(t, "stored", types(g.events("a")), []string{"opened", "refused"})
		state, v, _ := g.read("a")
		same(t, "refused", state.Refused, 1)
		same(t, "version", v, 1)
		want(t, g.doAs("m-1", "withdraw", `{"id":"a","n":9}`), refusal("not_enough", 5))
		same(t, "stored after a repeat", len(g.events("a")), 2)
	})
}

func TestAggregate_StateBasedLoadsItsStateAndVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.StateBased()
		g := serving(t, start, d)
		want(t, g.do("open", `{"id":"a","n":5}`), created("a", 0))
		want(t, g.do("add", `{"id":"a","n":2}`), ok(1, 7))
		g.unload("a")
		want(t, g.do("add", `{"id":"a","n":1}`), ok(2, 8))
		g.restart()
		want(t, g.do("look", `{"id":"a"}`), ok(2, 8))
		want(t, g.do("open", `{"id":"a"}`), conflict(2))
	})
}

func TestAggregate_StateBasedCountsOneVersionPerEvent(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.StateBased()
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.do("close", `{"id":"a"}`), ok(2))
		want(t, g.do("withdraw", `{"id":"a","n":9}`), refusal("not_enough", 0))
		g.restart()
		_, v, _ := g.read("a")
		same(t, "version", v, 3)
	})
}

func TestAggregate_StateBasedAppliesEventsAndStoresNone(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.StateBased()
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		g.do("close", `{"id":"a"}`)
		g.restart()
		state, _, _ := g.read("a")
		same(t, "state", state, tally{Closed: true, Applied: []string{"opened", "added", "closed"}})
		same(t, "stored events", len(g.events("a")), 0)
	})
}

func TestAggregate_OnLoadOverridesWhatWasLoaded(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.StateBased().OnLoad(func(s tally) tally { s.N *= 10; return s })
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
		g.unload("a")
		want(t, g.do("look", `{"id":"a"}`), ok(0, 50))
	})
}

func TestAggregate_AStateIsRestoredFromAnOlderSchema(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		old := newTallies()
		old.StateBased()
		g := serving(t, start, old)
		g.do("open", `{"id":"a","n":5}`)
		d := newTallies()
		d.StateBased().Schema(2)
		g.restartWith(hosting(d))
		is[message.Quarantined](t, g.do("look", `{"id":"a"}`))
		d = newTallies()
		d.StateBased().Schema(2)
		aggregate.Restore(d.Definition, 1, func(o struct{ N int }) tally { return tally{N: 2 * o.N} })
		g.restartWith(hosting(d))
		want(t, g.do("look", `{"id":"a"}`), ok(0, 10))
	})
}

func TestAggregate_ReadGivesStateAndVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a","n":2}`)
		state, v, exists := g.read("a")
		if state.N != 7 || v != 1 || !exists {
			t.Errorf("read %+v at %d, exists %t", state, v, exists)
		}
		if _, v, exists := g.read("nobody"); v != message.NoVersion || exists {
			t.Errorf("nobody is at %d, exists %t", v, exists)
		}
	})
}

func TestAggregate_APanicInDecideFailsThatCommandOnly(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("crash", func(_ *msg, s tally, _ request) decision { s.Applied[0] = "spoilt"; panic("no") })
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.do("crash", `{"id":"a"}`), message.Crashed{Reason: "the handler panicked in decide"})
		state, v, _ := g.read("a")
		same(t, "reloaded state", state, tally{N: 5, Applied: []string{"opened"}})
		same(t, "version", v, 0)
		want(t, g.do("add", `{"id":"a","n":2}`), ok(1, 7))
	})
}

func TestAggregate_APanicInApplyFailsThatCommandOnly(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		for _, callbacks := range []bool{false, true} { // which need the state before the events
			rolledBack := 0
			d := newTallies()
			bad := aggregate.Event(d.Definition, "bad", func(s *tally, _ added) { s.N = 99; panic("no") })
			d.command("break", func(m *msg, _ tally, _ request) decision { return m.Emit(d.added(added{1}), bad(added{})).OK() })
			if callbacks {
				d.OnCommit(func(context.Context, *msg, tally) {})
				d.OnRollback(func(context.Context, *msg, tally) { rolledBack++ })
			}
			g := serving(t, start, d)
			g.do("open", `{"id":"a","n":5}`)
			want(t, g.doAs("m-1", "break", `{"id":"a"}`), message.Crashed{Reason: "the handler panicked in apply"})
			same(t, "stored", types(g.events("a")), []string{"opened"})
			same(t, "rolled back", rolledBack == 1, callbacks)
			want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
		}
	})
}

// poisoned hosts an aggregate whose stored "added" events cannot be applied.
func poisoned() *definition {
	d := &definition{Definition: aggregate.New[tally](tallies)}
	d.opened = aggregate.Event(d.Definition, "opened", func(s *tally, e opened) { s.N = e.N })
	d.added = aggregate.Event(d.Definition, "added", func(*tally, added) { panic("cannot add") })
	d.command("look", func(m *msg, s tally, _ request) decision { return m.OK(s.N) })
	return d
}

func TestAggregate_QuarantinedAloneWhenItsApplyKeepsPanicking(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a","n":1}`)
		for i := range 20 { // some of them are in the same slot
			g.do("open", `{"id":"`+string(rune('b'+i))+`","n":5}`)
		}
		g.restartWith(hosting(poisoned()))
		for range 2 {
			is[message.Crashed](t, g.do("look", `{"id":"a"}`))
		}
		for range 3 {
			r := is[message.Quarantined](t, g.do("look", `{"id":"a"}`))
			if r.Stream != tallies || r.ID != "a" || !strings.Contains(r.Reason, "version 1 panicked") {
				t.Errorf("answered %+v", r)
			}
		}
		for i := range 20 {
			want(t, g.do("look", `{"id":"`+string(rune('b'+i))+`"}`), ok(0, 5))
		}
	})
}

func TestAggregate_UnloadingAnActorLiftsItsQuarantine(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, later())
		g.do("open", `{"id":"a","n":5}`)
		g.do("rename", `{"id":"a"}`)
		cured := false
		d := newTallies()
		d.HydrateWith(func(ctx context.Context, h *aggregate.Hydration[tally]) error {
			if cured {
				h.Use(tally{N: 7}, 1)
				return nil
			}
			panic("cannot load")
		})
		g.restartWith(hosting(d))
		for range 3 {
			g.do("look", `{"id":"a"}`)
		}
		is[message.Quarantined](t, g.do("look", `{"id":"a"}`))
		cured = true
		is[message.Quarantined](t, g.do("look", `{"id":"a"}`))
		g.unload("a")
		want(t, g.do("look", `{"id":"a"}`), ok(1, 7))
	})
}

func TestAggregate_AQuarantineIsOverAfterAWhile(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		sick := true
		d := newTallies()
		d.HydrateWith(func(ctx context.Context, h *aggregate.Hydration[tally]) error {
			if sick {
				panic("cannot load")
			}
			return h.Default(ctx)
		})
		g.restartWith(hosting(d))
		for range 3 {
			g.do("look", `{"id":"a"}`)
		}
		sick = false
		is[message.Quarantined](t, g.do("look", `{"id":"a"}`))
		<-time.After(time.Minute)
		want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
	})
}

func TestAggregate_StreamsAreApart(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		other := define(aggregate.New[tally]("others"))
		s := hosting(newTallies())
		o := hosting(other)
		for i := range o.handlers {
			o.handlers[i].Command = o.handlers[i].Service
			o.handlers[i].Service = "other." + o.handlers[i].Service
		}
		s.hosted = []shard.Hosted{s.hosted[0], other}
		s.streams, s.handlers = append(s.streams, o.streams...), append(s.handlers, o.handlers...)
		g := start(s)
		want(t, g.do("open", `{"id":"a","n":1}`), created("a", 0))
		want(t, g.do("other.open", `{"id":"a","n":2}`), created("a", 0))
		want(t, g.do("look", `{"id":"a"}`), ok(0, 1))
		want(t, g.do("other.look", `{"id":"a"}`), ok(0, 2))
	})
}
