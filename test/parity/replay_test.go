package parity

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

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
