package parity

import (
	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

// tallies is the stream of the aggregate that the tests host.
const tallies = "tallies"

// tally is its state.
type tally struct {
	N       int      `json:"n"`
	Refused int      `json:"refused"`
	Closed  bool     `json:"closed"`
	Applied []string `json:"applied"` // the events, in the order in which they were applied
}

type (
	// request is that of every command.
	request struct {
		ID string `json:"id"`
		N  int    `json:"n"`
	}

	opened  struct{ N int }
	added   struct{ N int }
	refused struct{ N int }
	closed  struct{}

	msg      = aggregate.Message[tally]
	decision = aggregate.Decision[tally]
	emitted  = aggregate.Emitted[tally]
)

// definition is the aggregate with the functions that emit its events.
type definition struct {
	*aggregate.Definition[tally]

	opened  func(opened) emitted
	added   func(added) emitted
	refused func(refused) emitted
	closed  func(closed) emitted
}

// newTallies defines the aggregate: open, add, look, withdraw and close, as in
// the guide's account. Tests add what they need with command, and callbacks.
func newTallies() *definition { return define(aggregate.New[tally](tallies)) }

func define(base *aggregate.Definition[tally]) *definition {
	d := &definition{Definition: base}
	d.opened = aggregate.Event(base, "opened", func(s *tally, e opened) { s.N, s.Closed = e.N, false; s.log("opened") })
	d.added = aggregate.Event(base, "added", func(s *tally, e added) { s.N += e.N; s.log("added") })
	d.refused = aggregate.Event(base, "refused", func(s *tally, _ refused) { s.Refused++; s.log("refused") })
	d.closed = aggregate.Event(base, "closed", func(s *tally, _ closed) { s.Closed = true; s.log("closed") })

	d.command("open", func(m *msg, _ tally, c request) decision { return m.Emit(d.opened(opened{c.N})).Created() })
	aggregate.Command(base, "add", validateAdd, func(m *msg, s tally, c request) decision {
		return m.Emit(d.added(added{c.N})).OK(s.N + c.N)
	})
	d.command("look", func(m *msg, s tally, _ request) decision { return m.OK(s.N) })
	d.command("withdraw", func(m *msg, s tally, c request) decision {
		if c.N > s.N {
			return m.Emit(d.refused(refused{c.N})).Error("not_enough", s.N)
		}
		return m.Emit(d.added(added{-c.N})).OK()
	})
	d.command("close", func(m *msg, s tally, _ request) decision {
		return m.Emit(d.added(added{-s.N}), d.closed(closed{})).OK()
	})
	return d
}

func (s *tally) log(event string) { s.Applied = append(s.Applied, event) }

// validateAdd refuses on the request alone, and on the state.
func validateAdd(c request, _ *msg, s tally) (v aggregate.Violations) {
	v.Require(c.N != 0, "n", "must not be 0")
	v.Require(!s.Closed, "", "the tally is closed")
	return v
}

// command adds a command without a validate step.
func (d *definition) command(name string, decide func(*msg, tally, request) decision) *definition {
	aggregate.Command(d.Definition, name, nil, decide)
	return d
}

// idOf returns the id of a message's aggregate, for the tests' own notes.
func idOf(m *msg) message.AggregateID { return m.AggregateID() }
