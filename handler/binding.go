package handler

import (
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

// On says which aggregates a service is for.
type On int8

// The kinds of bindings.
const (
	New      On = iota + 1 // makes a new one; an existing one is refused
	Existing               // needs an existing one
	MaybeNew               // takes an existing one, or makes it
)

func (o On) String() string {
	switch o {
	case New:
		return "New"
	case Existing:
		return "Existing"
	case MaybeNew:
		return "MaybeNew"
	}
	return "invalid"
}

// Defaults of a binding.
const (
	DefaultIDField       = "id"
	DefaultCommitTimeout = 5 * time.Second
)

// Limits of what one command may leave in the store, in bytes.
const (
	MaxResponse        = 64 << 10 // a larger response is refused, nothing is stored
	MaxRecordedRequest = 64 << 10 // of a larger request only the hash is kept
)

// Binding ties a service to a command of an aggregate. It does not change once
// it is in use.
type Binding struct {
	Service    message.ServiceName
	Core       *aggregate.Core
	Command    *aggregate.CommandCore
	On         On
	IDField    string
	GenerateID bool
	// CommitTimeout bounds how long the caller waits for the store to confirm;
	// then it is told that the outcome is unknown.
	CommitTimeout time.Duration
	Metadata      *Metadata
	// SnapshotEvery stores a snapshot each time so many events have come since
	// the last; 0 stores none.
	SnapshotEvery int
}

// Stream returns the name of the stream that the binding's aggregates have.
func (b *Binding) Stream() message.StreamName { return b.Core.Stream }

// Open reads the message's request and finds the aggregate's id. A message that
// cannot go on is halted with its answer.
func (b *Binding) Open(m *message.Message) {
	if m.Halted {
		return
	}
	if m.PrepareAggregateID(b.Core.Stream, b.IDField, b.GenerateID); m.Halted {
		return
	}
	b.Command.Read(m)
}
