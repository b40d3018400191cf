// Package runtime hosts live aggregates: actors with a mailbox each, loaded
// when a command needs them, unloaded by rules, and one commit pipeline a
// writer that makes what they decide durable before it is answered.
//
// # Turns
//
// An actor is a struct, not a goroutine. A worker drives it when it has work; it
// never runs on its caller's goroutine, which may have a stream to read. While it
// is driven it is busy, and its state belongs to that turn alone; everybody else
// only appends to its mailbox, under the mutex of its slot. A turn that has to
// wait - for a load, for the commit of what it decided - ends, leaves the actor
// busy, and is continued by the loader or the committer. So commands of an
// aggregate run one at a time and in the order of arrival, and a waiting actor
// costs no goroutine.
//
// # Durable before answered
//
// A command's events are applied in place inside its turn and handed to the
// committer of its slot, which gives them offsets, appends all that is pending
// in one transaction and then completes the commands. Until then the actor
// admits nothing, so nothing is answered from state that is not durable. If an
// append is known to have failed, the actor's state is dropped and loaded anew.
// Aggregates with commit or rollback callbacks apply to a copy before the commit
// and to their state after it, since the callbacks see the state before the
// events.
//
// # Doubts
//
// If the outcome of an append is unknown, the committer raises its generation,
// so that nothing that is still under way can arrive, looks in the log whether
// the append's first event is there, compares all slots that it holds with the
// store, and only then goes on. The actors stay busy until it knows; their
// callers are told at their commit timeout that nobody knows yet. A host that
// stops before it could find out says so too: it never calls anything stored or
// not stored that it does not know of.
//
// # Terms
//
// Each acquisition of a slot begins a term, with an epoch. An actor lives within
// one: when its slot is given up - released, lost to another member, or because
// this one is fenced off - idle actors are dropped, and one that is in a turn ends
// it on its own, never to be found again. What it decided is appended only while
// the slot is still held in its term.
package runtime
