// Command boom hosts an aggregate that panics where it is told to, for the
// end-to-end tests.
package main

import (
	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/shard"
)

type state struct {
	N int `json:"n"`
}

type command struct {
	ID    string `json:"id"`
	Where string `json:"where"` // "", "decide", "apply" or "replay"
}

// counted is stored; applying it with a Where panics, but for "replay", which
// passes the first time of the process.
type counted struct {
	Where string `json:"where"`
}

var (
	bombs = aggregate.New[state]("bombs")
	// passed lets an event that panics when it is loaded be stored: the trigger
	// is outside the state, as a bug that depends on the environment is.
	passed = map[string]bool{}

	count = aggregate.Event(bombs, "counted", func(s *state, e counted) {
		if e.Where == "apply" {
			panic("told to panic in apply")
		}
		if e.Where == "replay" {
			if passed[e.Where] {
				panic("told to panic when loaded")
			}
			passed[e.Where] = true
		}
		s.N++
	})
)

func main() {
	aggregate.Command(bombs, "count", nil, func(m *aggregate.Message[state], s state, c command) aggregate.Decision[state] {
		if c.Where == "decide" {
			panic("told to panic in decide")
		}
		return m.Emit(count(counted{c.Where})).OK(s.N + 1)
	})
	shard.Main(bombs)
}
