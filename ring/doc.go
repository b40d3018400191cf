// Package ring maps ids to slots and slots to members. It is pure: no clock,
// no I/O, no goroutine, so every process that is given the same input computes
// the same owner.
//
// A ring is a hint, never the proof of ownership: any staleness or
// disagreement of rings costs latency, not correctness.
package ring
