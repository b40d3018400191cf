// Package lease decides what a process may believe about who owns a group, from
// the store's answers to its renewals and the rows of the group's members.
//
// It only decides. It has no clock, no store and no goroutine: times come in
// with what happened, decisions go out, and package shard acts on them. So every
// schedule can be written down as a test.
//
//   - A [Term] is how long a member may answer from memory.
//   - A [Run] is how long the own renewals have been unbroken; only then is the
//     silence of another member its own and not that of the store.
//   - A [TakeOver] is what a start does about the members that it finds.
//
// None of them is safe for concurrent use.
package lease
