package shard

import (
	"time"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

// runtimeObserver tells an observer of dispatches what happens to actors.
type runtimeObserver struct {
	to   dispatch.Observer
	node string
}

func (o runtimeObserver) tell(e dispatch.Event) {
	if o.to != nil {
		e.Node = o.node
		o.to.Observe(e)
	}
}

// ActorLoaded tells of an actor that came into memory.
func (o runtimeObserver) ActorLoaded(s message.StreamName) {
	o.tell(dispatch.Event{Step: dispatch.StepActorSpawned, Stream: s})
}

// ActorUnloaded is not a step of a dispatch.
func (o runtimeObserver) ActorUnloaded(message.StreamName) {}

// CommandHandled tells of a command that was answered.
func (o runtimeObserver) CommandHandled(m *message.Message, r message.Response, took time.Duration) {
	if o.to == nil {
		return
	}
	e := dispatch.EventOf(dispatch.StepCommandHandled, o.node, m)
	e.Stream, e.Outcome, e.Duration = m.Aggregate.Stream, r.Outcome(), took
	o.to.Observe(e)
}

// CommitTimeout tells of a caller who was told that the outcome is unknown.
func (o runtimeObserver) CommitTimeout(m *message.Message) {
	if o.to != nil {
		e := dispatch.EventOf(dispatch.StepCommitTimeout, o.node, m)
		e.Stream = m.Aggregate.Stream
		o.to.Observe(e)
	}
}

// Committed is not a step of a dispatch.
func (o runtimeObserver) Committed(int, int, time.Duration) {}
