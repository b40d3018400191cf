package aggregate

import (
	"context"
	"fmt"

	"github.com/ringhold/ringhold/message"
)

// Definition declares an aggregate whose state is an S.
type Definition[S any] struct{ core *Core }

// Hosted is what can be hosted: a definition of any state.
type Hosted interface {
	// Core returns the untyped definition.
	Core() *Core
}

// New starts the definition of the aggregates of a stream. The initial state is
// the zero S, or an empty message where S is a pointer to a protobuf message;
// see [Definition.Initial].
func New[S any](stream message.StreamName) *Definition[S] {
	if err := stream.Validate(); err != nil {
		panic("aggregate.New: " + err.Error())
	}
	return &Definition[S]{core: newCore[S](stream)}
}

// Core returns the untyped definition that hosts work with.
func (d *Definition[S]) Core() *Core { return d.core }

// Describe says what the definition is, for lists and errors.
func (d *Definition[S]) Describe() string { return "aggregate " + string(d.core.Stream) }

// Stream returns the name of the stream.
func (d *Definition[S]) Stream() message.StreamName { return d.core.Stream }

// Initial sets what makes the state of an aggregate without events. It is
// called once for each: maps may be made in it.
func (d *Definition[S]) Initial(initial func() S) *Definition[S] {
	d.core.newState = func() any {
		s := initial()
		return &s
	}
	return d
}

// StateBased makes the aggregates keep their state instead of their events:
// events are applied and count as versions, but only the resulting state is
// stored. The last 64 message ids of each are remembered.
func (d *Definition[S]) StateBased() *Definition[S] {
	d.core.StateBased = true
	return d
}

// OnLoad sets a function that state-based aggregates run on the state that was
// loaded, before the first command; what it returns is the state.
func (d *Definition[S]) OnLoad(set func(S) S) *Definition[S] {
	d.core.onLoad = func(state any) {
		s := state.(*S)
		*s = set(*s)
	}
	return d
}

// OnCommit sets a side effect that runs after a command's events were stored
// and before they are applied to state, once in the life of a process: a crash
// in between loses it, so it has to be something that can be lost, or repaired
// from the events. It gets the state before the events and must not change
// what that refers to. Events of aggregates with OnCommit or OnRollback are tried
// on a copy of the state first, so that none is stored that cannot be applied:
// that costs each command an encoding of the state.
func (d *Definition[S]) OnCommit(f func(ctx context.Context, m *Message[S], before S)) *Definition[S] {
	d.core.onCommit = func(ctx context.Context, m *message.Message, state any) {
		f(ctx, d.message(m), *state.(*S))
	}
	return d
}

// OnRollback sets a side effect that undoes what a decision reserved. It runs
// after a dry run of a command that emitted events, and after a command whose
// events are known not to have been stored; never when that is unknown. It
// gets the state before the events.
func (d *Definition[S]) OnRollback(f func(ctx context.Context, m *Message[S], before S)) *Definition[S] {
	d.core.onRollback = func(ctx context.Context, m *message.Message, state any) {
		f(ctx, d.message(m), *state.(*S))
	}
	return d
}

// OnSaved sets a side effect that runs after each commit with the state after
// the events, never after a dry run. A crash in between loses it. It must not
// keep or change what the state refers to.
func (d *Definition[S]) OnSaved(f func(ctx context.Context, id message.AggregateID, after S, v message.Version)) *Definition[S] {
	d.core.onSaved = func(ctx context.Context, id message.AggregateID, state any, v message.Version) {
		f(ctx, id, *state.(*S), v)
	}
	return d
}

// FilterEvents sets a function that sees the events of a command before they
// are stored and returns those that shall be. What it leaves out is neither
// stored nor counted nor applied. An error is the command's answer (a [Refusal]
// as an error with its code), nothing is stored, and the aggregate is loaded
// anew. It may not add events. It runs in dry runs too, so it has to be pure.
func (d *Definition[S]) FilterEvents(f func(m *Message[S], events []Pending) ([]Pending, error)) *Definition[S] {
	d.core.filter = func(m *message.Message, events []Pending) ([]Pending, error) {
		return f(d.message(m), events)
	}
	return d
}

// HydrateWith replaces how an aggregate that is not in memory is loaded. The
// function calls one of the methods of [Hydration]. If it returns an error, that
// is the answer of the command, which does not run (a [Refusal] as an error
// with its code).
func (d *Definition[S]) HydrateWith(f func(ctx context.Context, h *Hydration[S]) error) *Definition[S] {
	d.core.hydrate = func(ctx context.Context, h Hydrator) error {
		return f(ctx, &Hydration[S]{Hydrator: h})
	}
	return d
}

// UnloadWhen sets a rule by which an aggregate leaves memory after a commit.
func (d *Definition[S]) UnloadWhen(rule func(S) Unload) *Definition[S] {
	d.core.unload = func(state any) Unload { return rule(*state.(*S)) }
	return d
}

// Authorize sets a check that runs before every command, and before a repeated
// message is answered. It returns nil to allow, otherwise the answer: Forbidden,
// Unauthorized, or any other. The manifest's access has to allow the caller too.
func (d *Definition[S]) Authorize(f func(m *Message[S]) message.Response) *Definition[S] {
	d.core.authorize = func(m *message.Message) message.Response { return f(d.message(m)) }
	return d
}

// Retired names events that earlier releases stored and this one skips.
func (d *Definition[S]) Retired(names ...string) *Definition[S] {
	for _, name := range names {
		d.core.retire(name)
	}
	return d
}

// Schema says which schema number the state has in snapshots and state rows,
// from 1, the default. Raise it with every change that the old form cannot be
// read through. Snapshots of another number without a [Restore] are left
// aside: the events are read instead. A state row of an unknown number stops
// the aggregate, since there is nothing else to read.
func (d *Definition[S]) Schema(n int) *Definition[S] {
	if n < 1 {
		panic(fmt.Sprintf("aggregate %q: a schema number is at least 1, not %d", d.core.Stream, n))
	}
	d.core.StateSchema = n
	return d
}

// Restore reads snapshots and state rows that were stored with an older schema
// number, whose form was an O.
func Restore[S, O any](d *Definition[S], schema int, upgrade func(O) S) {
	if schema < 1 {
		panic(fmt.Sprintf("aggregate %q: Restore of schema %d: numbers are at least 1", d.core.Stream, schema))
	}
	if _, twice := d.core.restore[schema]; twice {
		panic(fmt.Sprintf("aggregate %q: Restore of schema %d is registered twice", d.core.Stream, schema))
	}
	if upgrade == nil {
		panic(fmt.Sprintf("aggregate %q: Restore of schema %d has no function that reads it", d.core.Stream, schema))
	}
	codec := codecFor[O]()
	d.core.restore[schema] = func(p Payload) (any, error) {
		o, err := codec.decode(p)
		if err != nil {
			return nil, err
		}
		s := upgrade(o)
		return &s, nil
	}
}

func (d *Definition[S]) message(m *message.Message) *Message[S] { return &Message[S]{m: m} }
