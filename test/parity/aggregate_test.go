package parity

import (
	"testing"
	"testing/synctest"

	"github.com/ringhold/ringhold/message"
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
