package parity

import (
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/aggregate/aggregatetest"
	"github.com/ringhold/ringhold/message"
)

func TestTestSupport_GivenWhenThen(t *testing.T) {
	d := newTallies()
	aggregatetest.Given(t, d.Definition, d.opened(opened{5}), d.added(added{2})).
		When("withdraw", request{ID: "a", N: 9}).
		Then(d.refused(refused{9})).
		Error("not_enough", 7).
		Version(2).
		State(tally{N: 7, Refused: 1, Applied: []string{"opened", "added", "refused"}})
}

func TestTestSupport_AValidationErrorNeedsNoSetup(t *testing.T) {
	d := newTallies()
	aggregatetest.Given(t, d.Definition).
		When("add", request{ID: "a"}).
		Invalid("n: must not be 0").
		Then().
		Version(message.NoVersion)
}

func TestTestSupport_CommandMessageWithRawRequestAndAssigns(t *testing.T) {
	d := newTallies()
	d.command("add_assigned", func(m *msg, _ tally, c request) decision {
		limit, _ := aggregate.Assigned[int](m, "limit")
		return m.Emit(d.added(added{c.N})).OK([]any{m.Service(), m.AggregateID(), limit})
	})
	aggregatetest.Given(t, d.Definition).
		Assign("limit", 7).
		When("add_assigned", `{"id":"a","n":2}`).
		Then(d.added(added{2})).
		OK([]any{"add_assigned", "a", 7})
}

func TestTestSupport_StateFromEventsCountsTheVersion(t *testing.T) {
	d := newTallies()
	state, v := aggregatetest.State(t, d.Definition, d.opened(opened{5}), d.added(added{2}))
	same(t, "state", state, tally{N: 7, Applied: []string{"opened", "added"}})
	same(t, "version", v, 1)
	_, v = aggregatetest.State(t, d.Definition)
	same(t, "version without events", v, message.NoVersion)
}

func TestTestSupport_StateFromEventsTakesAVersion(t *testing.T) {
	d := newTallies()
	aggregatetest.Given(t, d.Definition, d.opened(opened{5})).Version(41).
		When("add", request{ID: "a", N: 1}).
		OK(6).
		Version(42)
}

func TestTestSupport_ApplyEventsCountsOnFromAVersion(t *testing.T) {
	d := newTallies()
	before := tally{N: 1}
	after, v := aggregatetest.Apply(t, d.Definition, before, 41, d.added(added{2}), d.closed(closed{}))
	same(t, "state", after, tally{N: 3, Closed: true, Applied: []string{"added", "closed"}})
	same(t, "version", v, 43)
	same(t, "given state", before, tally{N: 1})
}

func TestTestSupport_ALoadedStateCanBeGiven(t *testing.T) {
	d := newTallies()
	aggregatetest.GivenState(t, d.Definition, tally{N: 40}, 7).
		When("add", request{ID: "a", N: 2}).
		OK(42).
		Version(8)
}

// TestTestSupport_AgreesWithTheRuntime: a scenario comes to what a group comes to.
func TestTestSupport_AgreesWithTheRuntime(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.do("close", `{"id":"a"}`), ok(2))
		state, v, _ := g.read("a")
		aggregatetest.Given(t, d.Definition, d.opened(opened{5})).
			When("close", request{ID: "a"}).
			Then(d.added(added{-5}), d.closed(closed{})).
			OK().
			Version(v).
			State(state)
	})
}
