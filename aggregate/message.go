package aggregate

import (
	"time"

	"github.com/ringhold/ringhold/message"
)

// Message is what validate and decide see of the command's message: it can be
// read, and a decision begins with it. It is valid during the call only.
type Message[S any] struct {
	m       *message.Message
	derived int
}

// Violations are all faults of a command; see [message.Violations].
type Violations = message.Violations

// NewMessage wraps a message for a test or a host.
func NewMessage[S any](m *message.Message) *Message[S] { return &Message[S]{m: m} }

// ID returns the message's id.
func (m *Message[S]) ID() message.ID { return m.m.ID }

// CorrelationID returns the id shared by all that one request set off.
func (m *Message[S]) CorrelationID() message.ID { return m.m.CorrelationID }

// CausationID returns the id of the message that caused this one.
func (m *Message[S]) CausationID() message.ID { return m.m.CausationID }

// Service returns the name that was dispatched to.
func (m *Message[S]) Service() message.ServiceName { return m.m.Service }

// AggregateID returns the id of the aggregate that the command is for.
func (m *Message[S]) AggregateID() message.AggregateID { return m.m.Aggregate.ID }

// Version returns the aggregate's version before the command.
func (m *Message[S]) Version() message.Version { return m.m.Aggregate.Version }

// Now returns the time at which the message was dispatched, in UTC. It is the
// only clock that a decision may use.
func (m *Message[S]) Now() time.Time { return m.m.InvokedAt }

// NewID returns an id for what the decision makes: a UUID derived from the
// message's id, so that a dry run and a retry get the same ones in the same
// order.
func (m *Message[S]) NewID() string {
	m.derived++
	return message.DerivedID(m.m.ID, m.derived)
}

// IsDryRun reports whether nothing will be stored.
func (m *Message[S]) IsDryRun() bool { return m.m.DryRun != message.Real }

// Caller returns who dispatched the message.
func (m *Message[S]) Caller() message.Caller { return m.m.Caller }

// Assigned returns what was assigned to a message under a key, if it is a T.
func Assigned[T, S any](m *Message[S], key string) (T, bool) {
	return message.Assigned[T](m.m, key)
}
