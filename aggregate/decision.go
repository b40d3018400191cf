package aggregate

import "github.com/ringhold/ringhold/message"

// Decision is what a command comes to: the events to store and the response.
// Only a response makes one, so a decision without a response does not compile.
type Decision[S any] struct{ outcome Outcome }

// Outcome is an untyped Decision.
type Outcome struct {
	Events   []Pending
	Response message.Response
	// NoBlock says that nothing is to be stored, whatever was emitted.
	NoBlock bool
}

// Emission collects the events of a decision; a response completes it.
type Emission[S any] struct {
	m       *Message[S]
	events  []Pending
	noBlock bool
}

// Emit begins a decision that stores events, in their order, all or none.
func (m *Message[S]) Emit(events ...Emitted[S]) Emission[S] {
	return Emission[S]{m: m}.Emit(events...)
}

// NoBlock begins a decision that stores nothing: what it emits is dropped, and
// other commands do not wait for it. A decision without events is one anyway.
func (m *Message[S]) NoBlock() Emission[S] { return Emission[S]{m: m, noBlock: true} }

// OK decides that the command is accepted with nothing to store; see [Emission.OK].
func (m *Message[S]) OK(value ...any) Decision[S] { return Emission[S]{m: m}.OK(value...) }

// Created answers that the aggregate was made; see [Emission.Created].
func (m *Message[S]) Created(value ...any) Decision[S] { return Emission[S]{m: m}.Created(value...) }

// Error refuses the command; see [Emission.Error].
func (m *Message[S]) Error(code string, detail ...any) Decision[S] {
	return Emission[S]{m: m}.Error(code, detail...)
}

// Emit adds events.
func (e Emission[S]) Emit(events ...Emitted[S]) Emission[S] {
	for _, one := range events {
		if one.pending.kind != nil {
			e.events = append(e.events, one.pending)
		}
	}
	return e
}

// OK answers that the command was accepted, with the aggregate's version after
// it, and a value if one is given: anything that JSON can encode, or a protobuf
// message.
func (e Emission[S]) OK(value ...any) Decision[S] {
	if len(value) == 0 {
		return Decision[S]{e.outcome(plainOK)}
	}
	return e.respond(value, func(v message.Value) message.Response { return message.OK{Value: v} })
}

// Created answers that the command made the aggregate, with its id and version,
// and a value if one is given.
func (e Emission[S]) Created(value ...any) Decision[S] {
	id := e.m.AggregateID()
	return e.respond(value, func(v message.Value) message.Response { return message.Created{ID: id, Value: v} })
}

// Error refuses the command. The code is part of the aggregate's contract; the
// detail may be anything that JSON can encode. Events that were emitted before
// it are stored all the same: a refusal can be worth recording.
func (e Emission[S]) Error(code string, detail ...any) Decision[S] {
	return e.respond(detail, func(v message.Value) message.Response {
		return message.DomainError{Code: code, Detail: v}
	})
}

func (e Emission[S]) respond(value []any, response func(message.Value) message.Response) Decision[S] {
	var err error
	var v message.Value
	if len(value) > 0 {
		v, err = message.NewValue(value[0])
	}
	if err != nil {
		return Decision[S]{Outcome{Response: message.Crashed{Reason: err.Error()}, NoBlock: true}}
	}
	return Decision[S]{e.outcome(response(v))}
}

// plainOK is what most commands answer: made once.
var plainOK message.Response = message.OK{}

func (e Emission[S]) outcome(r message.Response) Outcome {
	return Outcome{Events: e.events, Response: r, NoBlock: e.noBlock || len(e.events) == 0}
}

// Outcome returns the decision without its type, for hosts and tests.
func (d Decision[S]) Outcome() Outcome { return d.outcome }

// Refusal is an error that becomes the response {error, code, detail}.
type Refusal struct {
	Code   string
	Detail any
}

// Refuse returns a Refusal.
func Refuse(code string, detail ...any) error {
	r := &Refusal{Code: code}
	if len(detail) > 0 {
		r.Detail = detail[0]
	}
	return r
}

func (r *Refusal) Error() string { return r.Code }
