// Package gateway is where messages enter a group: gRPC and JSON over HTTP on
// one port. It finds the member that a message has to go to, takes it there and
// brings the answer back, however members join, leave, die and hand slots over
// meanwhile: callers notice nothing but time.
//
// One message on its way:
//
//	caller ── gRPC ─┐                           ┌─ link ── member a
//	                ├─ wire ── dispatcher ── route
//	caller ── HTTP ─┘                           └─ link ── member b
//
// # Who is there
//
// The doors (gRPC and HTTP) read a message and bound it: its size, its time.
// place finds the aggregate's id as the member will. A [Cluster] tells the
// [View]: the members that live, and the ring. From it and from what the links
// are like the table has the effective owner of each slot: the ring's member, or,
// if that one is dead, leaves or cannot be reached, the next in the slot's order,
// which adopts the slot or forwards. Views are never believed that are older.
//
// # Links
//
// The link to a member is one connection and one DispatchStream that all messages
// to it share, in order. It has a heartbeat of its own: a ping when nothing came
// for 250 ms, and after a second of silence it is broken and its connection
// closed. A link is broken also when its connection is, and when the member is
// missing in a view. What was on it is routed again, at once.
//
// # Routes
//
// As long as messages of an aggregate are unanswered, it has a route: all of
// them, in the order of their arrival. The way of a route never changes while
// anything is on it; this, and that each message of a caller's stream names the
// unanswered one before it, keeps the order of a stream in spite of all moves. If
// a member refuses one message (it is not the owner, another node is wanted, the
// predecessor is not known), nothing more is sent for that aggregate until what
// is on its way is answered or refused too; then all that is left goes, from the
// first one on, in order and with the same ids, to the owner of that moment:
// go-back-n. That is safe, since a message that stored an event is answered and
// not run again. An aggregate that is never idle changes its way too: when it has
// led past the owner for 100 ms, new messages wait until nothing is on it.
//
// A refusal that names a better owner is followed at once, twice in a row;
// further attempts come after 20 to 200 ms. Retries are bounded to a fifth of
// what comes in and 100 a second and member, saved up for ten seconds; what is
// over that waits for its turn. The first loss of a message by a broken link is
// not counted. At its deadline a message that may have run is answered that there
// is no answer, and any other that it could not be run.
//
// An answer that names a lower epoch of its slot than was seen before comes from
// a member that does not know that it was deposed: it is dropped, and the message
// sent again. If for five seconds no other answer comes, the store has gone back,
// and the lower epoch is believed.
//
// A service without an aggregate goes to any member that is up, in turn. It has
// no memory of message ids, so what was sent to one is not sent again: its caller
// is told that there is no answer.
//
// # Who owns what
//
// A message of an aggregate belongs to its route, which is guarded by one of 64
// shards; an attempt at it, a parcel, to the link that it was given to, and is
// guarded by that link's pending. A shard may lock a pending, never the other way
// round, and nobody is called under either but a pending. A link's sender and its
// receiver are the only two goroutines that touch its stream. Everything that a
// Gateway starts has ended when Shutdown returns.
package gateway
