// Package gateway is where messages enter a group: gRPC and JSON over HTTP on
// one port. It finds the member that a message has to go to, takes it there and
// brings the answer back.
//
// One message on its way:
//
//	caller ── gRPC ─┐                          ┌─ link ── member a
//	                ├─ wire ── dispatcher ── place
//	caller ── HTTP ─┘                          └─ link ── member b
//
// The doors (gRPC and HTTP) read a message and bound it: its size, its time.
// [place] finds the aggregate's id as the member will, and with it the slot and
// the owner; a service without an aggregate goes to any member that is up. The
// link to a member is one DispatchStream that all callers share, in the order
// in which their messages arrived: so the commands of one caller to one
// aggregate run in the order in which it sent them.
//
// When a link breaks, what waits on it is sent again, in the same order and
// with the same message ids, as soon as the member is back; that is safe, since
// a message that stored an event is answered and not run again. A service
// without an aggregate has no such memory, so what was sent to one is not sent
// again: its caller is told that there is no answer.
//
// Who owns what: a message belongs to its link from dispatch to reply. A link's
// queue is guarded by its mutex; its sender and its receiver are the only two
// goroutines that touch its stream. Everything that a Gateway starts has ended
// when Shutdown returns.
package gateway
