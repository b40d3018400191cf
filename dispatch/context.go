package dispatch

import (
	"context"
	"time"

	"github.com/ringhold/ringhold/message"
)

// Deadline returns when the caller of a running service stops waiting; ok is
// false if it never does. The service's context does not end there: what it has
// begun, it may finish.
func Deadline(ctx context.Context) (at time.Time, ok bool) {
	at, ok = ctx.Value(deadlineKey{}).(time.Time)
	return at, ok && !at.IsZero()
}

// AsForwarded marks what is dispatched with the context as sent on by a node
// already, so that the node that gets it does not choose another one. Servers
// set it from what came over the wire; see [Forwarded].
func AsForwarded(ctx context.Context) context.Context {
	return context.WithValue(ctx, forwardedKey{}, true)
}

// Forwarded reports whether a node has sent the message on already.
func Forwarded(ctx context.Context) bool {
	forwarded, _ := ctx.Value(forwardedKey{}).(bool)
	return forwarded
}

// Onward dispatches a message from within a service that runs, or from the
// Before step of a command, with the context that it was given: to a service of
// the group, private ones too, wherever it runs. The message, as a rule made by
// [message.NewCausedBy], gets the caller [InternalCaller] with the claims of the
// service's own caller: only the Authorize function of what it is for is asked.
//
// It waits for the answer, so a command's decide, which must not wait, has no
// context to call it with. With any other context the answer is
// ServiceUnavailable.
func Onward(ctx context.Context, m *message.Message, options ...Option) *message.Message {
	from, ok := ctx.Value(onwardKey{}).(*serviceContext)
	if !ok || from.dispatcher == nil {
		out := m.Reply()
		out.Response = message.ServiceUnavailable{Service: m.Service, Reason: "the context is not that of a service that runs"}
		return out
	}
	m.Caller = message.Caller{Name: InternalCaller, Authenticated: from.caller.Authenticated, Claims: from.caller.Claims}
	return from.dispatcher.Dispatch(ctx, m, options...)
}

type (
	deadlineKey  struct{}
	forwardedKey struct{}
	onwardKey    struct{}
)

// serviceContext is what a service runs with: the values of its caller's
// context, the life of its node, and the deadline of the wait for it.
type serviceContext struct {
	context.Context                 // the caller's values; never ends
	life            context.Context // of the node
	deadline        time.Time       // zero: none
	shown           bool            // Deadline tells it
	of              identity
	dispatcher      *Dispatcher // nil: the runner is nobody's
	caller          message.Caller
}

func (c *serviceContext) Deadline() (time.Time, bool) {
	if c.shown {
		return c.deadline, !c.deadline.IsZero()
	}
	return time.Time{}, false
}

func (c *serviceContext) Done() <-chan struct{} { return c.life.Done() }
func (c *serviceContext) Err() error            { return c.life.Err() }

// AfterFunc lets derived contexts follow this one without a goroutine each.
func (c *serviceContext) AfterFunc(f func()) (stop func() bool) {
	return context.AfterFunc(c.life, f)
}

func (c *serviceContext) Value(key any) any {
	switch key.(type) {
	case deadlineKey:
		return c.deadline
	case identityKey:
		return c.of
	case onwardKey:
		return c
	}
	return c.Context.Value(key)
}

// nodeContext is what another node is asked with: the caller's values, ended
// when its call is settled. It tells the deadline but leaves it to the call to
// keep it, so that the call alone decides between an answer and a timeout.
type nodeContext struct {
	context.Context
	deadline time.Time // zero: none
}

func (c *nodeContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }
