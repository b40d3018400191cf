package store

import "github.com/ringhold/ringhold/ring"

// Offset is the position of an event in its slot's log: 0, 1, 2, … without
// gaps, in the order of commits.
type Offset int64

// NoOffset is the head of an empty slot.
const NoOffset Offset = -1

// Epoch is a slot's term of ownership. It grows by one at each acquisition;
// the first is 1.
type Epoch int64

// MemberID identifies a member for one life: a start gets a new one.
type MemberID = ring.MemberID

// WriterID numbers the writers of a member, from 0.
type WriterID int32

// Generation counts the connections of a writer, as its process counts them.
// Every new connection begins by raising it; appends of an older one are
// refused by the store, however late they arrive. The first is 1.
type Generation int64

// Head is the newest event of a slot: its offset and the epoch in which it was
// written. The epoch is part of it because a new history, after a fail-over
// that lost commits, can repeat an offset. An empty slot has {NoOffset, 0}.
type Head struct {
	Offset Offset
	Epoch  Epoch
}

// Claim is what a writer holds to be true of a slot that it owns.
type Claim struct {
	Slot  ring.Slot
	Epoch Epoch
	Head  Head
}
