package parity

import (
	"testing"

	"github.com/ringhold/ringhold/message"
)

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
