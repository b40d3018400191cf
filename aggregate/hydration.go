package aggregate

import (
	"context"

	"github.com/ringhold/ringhold/message"
)

// Hydrator is what a host offers to a function that loads an aggregate.
type Hydrator interface {
	// Stream returns the stream name of the aggregate that is loaded.
	Stream() message.StreamName
	// ID returns its id.
	ID() message.AggregateID
	// Default loads as the aggregate would be without a function: the newest
	// snapshot and the events behind it, or the state row.
	Default(ctx context.Context) error
	// Replay loads all events, from the first one after the last deletion.
	Replay(ctx context.Context) error
	// State returns what was loaded so far.
	State() (state any, v message.Version)
	// Set takes a state, a *S, with its version.
	Set(state any, v message.Version)
}

// Hydration loads one aggregate; see [Definition.HydrateWith].
type Hydration[S any] struct{ Hydrator }

// Use takes a state that was found elsewhere. The version has to be that of the
// stream, or the next append is refused.
func (h *Hydration[S]) Use(s S, v message.Version) { h.Set(&s, v) }

// Current returns a pointer to what was loaded, for changing it.
func (h *Hydration[S]) Current() (*S, message.Version) {
	s, v := h.State()
	return s.(*S), v
}
