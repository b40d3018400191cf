// Package ring maps ids to slots and slots to members. It is pure: no clock,
// no I/O, no goroutine, so every process that is given the same input computes
// the same owner.
//
// [SlotOf] is the slot of an id, for ever. [Assign] makes a ring from the one
// before it; whoever publishes rings calls it, and all others read what it
// stored. [Effective] and [Owners] say who is to own a slot now, given a ring
// and who lives. [Order] is what both fall back on: the members by how well a
// slot suits them. docs/ring.md has all of it for other languages.
//
// A ring is a hint, never the proof of ownership: any staleness or
// disagreement of rings costs latency, not correctness.
package ring
