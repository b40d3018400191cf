package dispatch

import (
	"context"

	"github.com/ringhold/ringhold/message"
)

// Node is a place that can run services: this process, or a connection to
// another one. It is safe for concurrent use.
type Node interface {
	// ID returns the node's name, unique among the nodes of a registry.
	ID() string

	// Dispatch has the message run, and replies at most once, from any
	// goroutine. It must not block: it may return before it replies. The node
	// owns the message until it replies, and does not touch it afterwards.
	//
	// A node that could not begin to run the message says so with
	// TryAnotherNode, or with ServiceUnavailable for the message's service:
	// then the next node is tried. It must not do so if the message may run.
	//
	// The context ends, at the latest at its deadline, when nobody waits for
	// the reply any more. The node then lets go of what waits for it; a service
	// that runs already runs on.
	Dispatch(ctx context.Context, m *message.Message, reply func(message.Response))

	// Authorized tells whether the message would be allowed to run, without
	// running it; why is the answer if not. With an error, another node is
	// asked. It returns when the context ends and does not change the message.
	Authorized(ctx context.Context, m *message.Message) (allowed bool, why message.Response, err error)
}
