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
// wait - for a load, for room, for what is in flight - ends, leaves the actor busy,
// and is continued by whoever it waits for. So commands of an aggregate run one at
// a time and in the order of arrival, and a waiting actor costs no goroutine.
//
// # Durable before answered
//
// A command's events are applied in place inside its turn and handed to the
// committer of its slot, which gives them offsets, appends all that is pending
// in one transaction and then answers the commands. Meanwhile the turn goes on: the
// next command is decided on the state as it is, applied and not yet durable. So
// the commands of one busy aggregate share appends as those of many do.
//
// Nobody sees that from outside. The answer of a command that stores something
// follows its own commit. One that stores nothing - a refusal, a read, a dry run,
// a repeat - goes through the committer as well while anything of its actor is in
// flight, behind what it may rest on.
//
// If a commit is known to have failed, it alone is answered so. What was decided
// behind it, on a state that never was, is not appended: it comes back, the state
// is loaded anew, and it is decided again, in its order, as if it had waited all
// the time. A history is thus answered alike, whether actors decide ahead or not
// (Config.Blocking). What would cost an actor its state, such as a panic, is only
// judged when nothing is in flight.
//
// Aggregates with commit, rollback or saved callbacks see each commit by itself:
// their turns wait for it. Those with commit or rollback callbacks apply to a copy
// before the commit and to their state after it, since the callbacks see the state
// before the events. Deletions wait as well, before and behind.
//
// # Shares and room
//
// A committer serves its slots in turns, some commits of each, so that a hot one
// delays the others by about one append. What was decided and is not durable is
// bounded in bytes for each writer, and in number for each actor. Where there is no
// room, actors decide nothing more; their commands wait in their mailboxes, which
// are bounded too, and say so. Room is handed out first in, first out.
//
// A message that is no first attempt, with an id of its caller's own, is looked up in
// the store once a stream has more than 8 ids. Its turn waits for that load, but not for
// what is in flight; and the load looks up also the ids of those that wait behind it, so
// that they need none of their own. That counts until the state is dropped, and not for
// an id that is in flight or in front as well. A state-based aggregate knows its newest 64 messages
// and those in flight, and encodes its whole state for each command.
//
// A refusal that does not say which commit it is about, and doubts that come again,
// have the batch halved until the one at fault is alone.
//
// # Doubts
//
// If the outcome of an append is unknown, the committer raises its generation,
// so that nothing that is still under way can arrive, looks in the log whether
// the append's first event is there, compares all slots that it holds with the
// store, and only then goes on. The actors wait, or go on deciding without
// answering, until it knows; their callers are told at their commit timeout that
// nobody knows yet. A host that stops before it could find out says so too: it
// never calls anything stored or not stored that it does not know of.
//
// # Terms
//
// Each acquisition of a slot begins a term, with an epoch. An actor lives within
// one: when its slot is given up - released, lost to another member, or because
// this one is fenced off - idle actors are dropped, and one that is in a turn, or
// has commits in flight, ends that on its own, never to be found again. What it decided is appended only while
// the slot is still held in its term.
package runtime
