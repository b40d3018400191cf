package aggregatetest

import (
	"maps"
	"testing"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

// What a scenario's message has unless it is told otherwise.
const (
	DefaultID        message.AggregateID = "id-1"
	DefaultMessageID message.ID          = "message-1"
)

// DefaultTime is m.Now() of a scenario's message unless it is told otherwise.
var DefaultTime = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

// Scenario is what is given. Its methods return it, so that they can be chained.
type Scenario[S any] struct {
	t       testing.TB
	history *history
	version message.Version
	message message.Message
	id      message.AggregateID
	assigns map[string]any

	ran, expects bool
}

// Given begins a scenario with an aggregate that has stored events; without
// any it does not exist. Their last one is the aggregate's version, counted
// from 0, unless [Scenario.Version] takes another.
func Given[S any](t testing.TB, d *aggregate.Definition[S], events ...aggregate.Emitted[S]) *Scenario[S] {
	t.Helper()
	h := newHistory(t, d.Core()).with(pending(events))
	return begin[S](t, h, message.Version(len(h.events)-1))
}

// GivenState begins a scenario with an aggregate that was loaded from a stored
// state: that of a state-based aggregate, or a snapshot.
func GivenState[S any](t testing.TB, d *aggregate.Definition[S], state S, version message.Version) *Scenario[S] {
	t.Helper()
	h := newHistory(t, d.Core())
	h.startFrom(&state, true)
	return begin[S](t, h, version)
}

func begin[S any](t testing.TB, h *history, version message.Version) *Scenario[S] {
	t.Helper()
	s := &Scenario[S]{
		t: t, history: h, version: version, assigns: map[string]any{},
		message: message.Message{ID: DefaultMessageID, InvokedAt: DefaultTime, Valid: true},
	}
	t.Cleanup(func() {
		switch {
		case t.Failed():
		case !s.ran:
			t.Errorf("a scenario of %s has no When, so it tests nothing", h.core.Stream)
		case !s.expects:
			t.Errorf("a scenario of %s expects nothing, so it tests nothing: say what comes of it with Then, OK, Created, Error, Invalid, Answer, Version or State", h.core.Stream)
		}
	})
	return s
}

func pending[S any](events []aggregate.Emitted[S]) []aggregate.Pending {
	var out []aggregate.Pending
	for _, e := range events {
		if p, ok := e.Pending(); ok {
			out = append(out, p)
		}
	}
	return out
}

// ID sets the aggregate's id. Without it, it is the request's field "id", if it
// has one, else DefaultID.
func (s *Scenario[S]) ID(id message.AggregateID) *Scenario[S] {
	s.id = id
	return s
}

// Version sets the aggregate's version before the command, as if the given
// events were the last ones of a longer stream.
func (s *Scenario[S]) Version(v message.Version) *Scenario[S] {
	s.version = v
	return s
}

// MessageID sets the message's id, from which m.NewID makes its ids.
func (s *Scenario[S]) MessageID(id message.ID) *Scenario[S] {
	s.message.ID = id
	return s
}

// At sets the time of the message, m.Now().
func (s *Scenario[S]) At(now time.Time) *Scenario[S] {
	s.message.InvokedAt = now.UTC()
	return s
}

// Assign gives the message a value, as a Before step would.
func (s *Scenario[S]) Assign(key string, value any) *Scenario[S] {
	s.assigns[key] = value
	return s
}

// Caller sets who dispatched the message.
func (s *Scenario[S]) Caller(c message.Caller) *Scenario[S] {
	s.message.Caller = c
	return s
}

// DryRun makes the command a dry run: it is decided, and its events can be
// expected, but version and state stay as they were.
func (s *Scenario[S]) DryRun(d message.DryRun) *Scenario[S] {
	s.message.DryRun = d
	return s
}

// newMessage returns the scenario's message anew, as each retry would have it.
func (s *Scenario[S]) newMessage(command string, raw message.Body) *message.Message {
	m := s.message
	m.Service = message.ServiceName(command)
	m.Raw = raw
	m.FillIDs()
	m.Caller.Claims = maps.Clone(s.message.Caller.Claims)
	for key, value := range s.assigns {
		m.Assign(key, value)
	}
	id := s.id
	if id == "" {
		id = idOf(raw)
	}
	m.Aggregate = message.Meta{Stream: s.history.core.Stream, ID: id, Version: s.version}
	return &m
}

func idOf(raw message.Body) message.AggregateID {
	if field, found, err := raw.Field("id"); found && err == nil {
		if id, err := message.IDFrom(field); id != "" && err == nil {
			return id
		}
	}
	return DefaultID
}
