package runtime

import (
	"fmt"
	"sync/atomic"

	"github.com/ringhold/ringhold/aggregate"
)

// tally counts, and keeps in which order it was told to.
type tally struct {
	N    int      `json:"n"`
	Told []string `json:"told,omitempty"`
	Bad  bad      `json:"bad,omitzero"`
}

// bad is a part of a state or an event that cannot be encoded.
type bad struct {
	Fails, Panics bool
}

func (b bad) IsZero() bool { return !b.Fails && !b.Panics }

func (b bad) MarshalJSON() ([]byte, error) {
	if b.Panics {
		panic("marshalling panicked")
	}
	return nil, fmt.Errorf("marshalling failed")
}

func (b *bad) UnmarshalJSON([]byte) error { return nil }

// tell is the one command of tallies; Do says what it comes to.
type tell struct {
	ID string `json:"id"`
	N  int    `json:"n"`
	Do string `json:"do"`
}

// What a tell can ask for.
const (
	doAdd      = "add"       // one event
	doMany     = "many"      // N events of 1
	doRefuse   = "refuse"    // an error with the state, nothing stored
	doRecord   = "record"    // an error with an event
	doLook     = "look"      // ok with the state, nothing stored
	doPanic    = "panic"     // decide panics
	doInvalid  = "invalid"   // validate finds a fault
	doBadCheck = "bad check" // validate panics
	doBoom     = "boom"      // apply panics, if the fixture says so
	doBadState = "bad state" // the state cannot be encoded any more
	doPoison   = "poison"    // encoding the state panics from now on
	doBadEvent = "bad event" // the event cannot be encoded
	doPanicky  = "panicky"   // encoding the event panics
	doLarge    = "large"     // a response of N bytes
)

type told struct {
	N    int    `json:"n"`
	By   string `json:"by"`
	Boom bool   `json:"boom,omitempty"`
	Bad  bad    `json:"bad,omitzero"`
	// What the state gets of it.
	Spoil string `json:"spoil,omitempty"`
}

// seen is the value of answers.
type seen struct {
	N    int `json:"n"`
	Told int `json:"told"`
}

// tallies defines the aggregates of the tests. While booms is true, applying a
// "boom" panics.
func tallies(booms *atomic.Bool, options ...aggregate.CommandOption[tell]) *aggregate.Definition[tally] {
	d := aggregate.New[tally](testStream)
	event := aggregate.Event(d, "told", func(t *tally, e told) {
		if e.Boom && booms != nil && booms.Load() {
			panic("applying panicked with a secret")
		}
		t.N += e.N
		t.Told = append(t.Told, e.By)
		switch e.Spoil {
		case doBadState:
			t.Bad.Fails = true
		case doPoison:
			t.Bad.Panics = true
		}
	})
	check := func(c tell, _ *aggregate.Message[tally], s tally) (v aggregate.Violations) {
		if c.Do == doBadCheck {
			panic("checking panicked")
		}
		v.Require(c.Do != doInvalid, "do", "must be something else")
		return v
	}
	aggregate.Command(d, "tell", check, func(m *aggregate.Message[tally], s tally, c tell) aggregate.Decision[tally] {
		now := seen{N: s.N, Told: len(s.Told)}
		by := string(m.ID())
		switch c.Do {
		case doAdd:
			return m.Emit(event(told{N: c.N, By: by})).OK(now)
		case doMany:
			var out aggregate.Emission[tally]
			for i := range c.N {
				if i == 0 {
					out = m.Emit(event(told{N: 1, By: by}))
				} else {
					out = out.Emit(event(told{N: 1, By: by}))
				}
			}
			return out.OK(now)
		case doRefuse:
			return m.Error("refused", now)
		case doRecord:
			return m.Emit(event(told{N: c.N, By: by})).Error("recorded", now)
		case doLook:
			return m.NoBlock().Emit(event(told{N: c.N, By: by})).OK(now)
		case doPanic:
			panic("deciding panicked with a secret")
		case doBoom:
			return m.Emit(event(told{N: c.N, By: by, Boom: true})).OK(now)
		case doBadState, doPoison:
			return m.Emit(event(told{N: c.N, By: by, Spoil: c.Do})).OK(now)
		case doBadEvent:
			return m.Emit(event(told{By: by, Bad: bad{Fails: true}})).OK(now)
		case doPanicky:
			return m.Emit(event(told{By: by, Bad: bad{Panics: true}})).OK(now)
		case doLarge:
			return m.Emit(event(told{By: by})).OK(make([]byte, c.N))
		}
		return m.Error("unknown")
	}, options...)
	return d
}
