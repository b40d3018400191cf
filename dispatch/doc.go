// Package dispatch brings a message to the service that it names, wherever that
// runs, and its answer back.
//
// A [Service] is registered with the [Router] of its node. A [Runner] runs the
// services of a router: it asks access and authorize first, and turns a panic
// into an answer. A [Registry] knows the other nodes and what they offer. The
// [Dispatcher] puts them together: it prefers its own node, passes over nodes
// that cannot run the message, waits no longer than it was told, and answers
// every message exactly once.
//
// The steps of a message, as an [Observer] sees them:
//
//	discovering ─┬─ not_found
//	             └─ found ── invoking ──┐                  at the dispatcher
//	                                    received ── executing ── finished
//	                          responded ┘                  at the node that runs it
//
// Who owns a message: its caller until it is dispatched, then the dispatcher,
// then the service, until that replies. The answer is a message of its own, so
// a service that runs on after its caller stopped waiting shares nothing with
// that caller.
package dispatch
