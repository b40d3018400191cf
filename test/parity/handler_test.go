package parity

import (
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/message"
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
		eventually(t, func() bool { return g.inMemory() == 0 })
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
