// Package shard makes a process that hosts aggregates: it resolves a manifest
// against what a binary has, joins the store, owns slots, and serves their
// commands over gRPC.
//
// # Parts
//
//   - [Main] and [Commands] are the binary: dev, serve, migrate, catalogue.
//   - [Resolve] makes a [Plan] of a manifest, or says what does not fit.
//   - A [Member] has an id for one life, a runtime.Host with its actors, and a
//     gRPC server that gateways talk to.
//   - [Local] is a whole group in one process.
//
// # Ownership
//
// Only the owner of a slot may append to it, and the store decides who that is:
// each append proves in its transaction that the member is not deposed, that its
// writer has the newest generation, that it owns the slots at the epochs it
// believes, and that their newest events are those it knows (package store).
// The ring says who should own what; a wrong ring costs latency, not
// correctness.
//
// For now a group is one process, over a store that is its alone: a file behind
// a lock, or memory. Then the lock is the proof that no other process lives. A
// start deposes all members of earlier ones, so that nothing of theirs can
// commit any more, joins new members under new ids, stores a ring, and acquires
// every slot at the next epoch. No lease is waited for or renewed. What an
// earlier process acknowledged is in the file, whatever ended it.
//
// A stop refuses new commands, finishes what was decided, releases the slots
// and deposes its own members, in this order.
package shard
