package gateway

import (
	"context"

	"github.com/ringhold/ringhold/message"
)

// entry is one message from dispatch to reply. What never changes is free to
// read; the rest of a message for an aggregate is guarded by the shard of its
// route. One for a service without an aggregate goes to one member once, and
// has no route.
type entry struct {
	ctx    context.Context // ends when nobody waits any more
	m      *message.Message
	reply  func(message.Response)
	size   int         // bytes, as the bounds count them
	served *served     // where it is noted what became of it; nil: nobody asks
	leave  func() bool // stops following ctx

	first parcel // of the first attempt, made with the entry

	route         *route // nil: a service without an aggregate
	shard         *routeShard
	slot          uint32 // of the route
	before, after *entry // in the route
	parcel        *parcel
	waiting       bool // it is in no parcel, and counted so
	sent          bool // it was sent once: no further attempt is the first
	lost          bool // it was sent on a link that broke, so it may have run
	free          bool // its next attempt is not charged
	done          bool // answered or given up
}

// parcel is one attempt at a message, on the link that it was given to. It is
// guarded by that link's pending, except for what never changes.
type parcel struct {
	entry    *entry
	link     *link
	sequence uint64 // on the stream that it was sent on; 0: it was not
	in       bool   // it was taken in
	gone     bool   // answered, given up or taken back
}

// nextParcel returns the parcel of a new attempt.
func (e *entry) nextParcel(l *link) *parcel {
	p := &e.first
	if p.entry != nil {
		p = new(parcel)
	}
	p.entry, p.link = e, l
	return p
}

// caller is the stream that the message came on, or nil.
func (e *entry) caller() *conversation {
	if e.served == nil {
		return nil
	}
	return e.served.stream
}
