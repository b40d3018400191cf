package parity

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/shard"
)

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
