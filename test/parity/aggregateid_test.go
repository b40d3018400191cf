package parity

import (
	"testing"

	"github.com/google/uuid"

	"github.com/ringhold/ringhold/message"
)

func TestMessage_AggregateIDStandsInTheField(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.do("open", `{"n":1,"id":"with spaces / and ünïcode"}`), created("with spaces / and ünïcode", 0))
		same(t, "stored", len(g.events("with spaces / and ünïcode")), 1)
	})
}

// withoutID are the ways in which a request has no aggregate id.
var withoutID = map[string]string{"missing": `{"n":1}`, "null": `{"id":null}`, "empty": `{"id":""}`, "no request at all": ""}

func TestMessage_MissingIDIsRefused(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		for _, service := range []string{"open", "add", "look"} {
			for how, body := range withoutID {
				t.Log(service, how)
				want(t, g.do(service, body), message.MissingID{Field: "id"})
			}
		}
	})
}

func TestMessage_MissingIDIsGenerated(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("open_seen", func(m *msg, _ tally, c request) decision {
			return m.Emit(d.opened(opened{c.N})).Created([]any{c.ID, m.AggregateID()})
		})
		s := hosting(d)
		s.handler("open_seen").GenerateID = true
		g := start(s)
		for how, body := range withoutID {
			r := is[message.Created](t, g.do("open_seen", body))
			if _, err := uuid.Parse(string(r.ID)); err != nil {
				t.Errorf("%s: id %q: %v", how, r.ID, err)
			}
			same(t, "the command saw", value[[]message.AggregateID](t, r), []message.AggregateID{r.ID, r.ID})
			same(t, "stored", len(g.events(r.ID)), 1)
		}
	})
}

func TestMessage_GeneratedIDComesFromTheMessageID(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.handler("open").GenerateID = true
		g := start(s)
		first := is[message.Created](t, g.doAs("m-1", "open", `{"n":1}`))
		same(t, "id", first.ID, message.GeneratedID(tallies, "m-1"))
		g.restart()
		want(t, g.doAs("m-1", "open", `{"n":1}`), first)
		if other := is[message.Created](t, g.doAs("m-2", "open", `{"n":1}`)); other.ID == first.ID {
			t.Error("another message made up the same id")
		}
	})
}

func TestMessage_IntegerIDBecomesAString(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("open_seen", func(m *msg, _ tally, c request) decision { return m.Emit(d.opened(opened{})).Created(c.ID) })
		g := serving(t, start, d)
		const large = "123456789012345678901234567890"
		r := g.do("open_seen", `{"id":`+large+`}`)
		same(t, "id", is[message.Created](t, r).ID, large)
		same(t, "the command saw", value[string](t, r), large)
		want(t, g.do("look", `{"id":"`+large+`"}`), ok(0, 0))
		for _, no := range []string{"1.5", "1e3", "true", "[]", `{}`} {
			is[message.ValidationError](t, g.do("open_seen", `{"id":`+no+`}`))
		}
	})
}

func TestMessage_UUIDIsTakenAsID(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		const id = "018f4e3a-7b1c-7def-8a90-0123456789ab"
		want(t, g.do("open", `{"id":"`+id+`"}`), created(id, 0))
	})
}
