package parity

import (
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

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
