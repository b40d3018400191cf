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
// For now a group is one process. A start joins new members under new ids, stores
// a ring, and acquires every slot at the next epoch, once nothing of an earlier
// process can commit any more. What an earlier process acknowledged is in the store,
// whatever ended it. A stop refuses new commands, finishes what was decided,
// releases the slots and deposes its own members, in this order.
//
// # Who else is there
//
// A file behind a lock, or memory, is the process's alone: the lock is the proof
// that no other one lives, a start deposes all earlier members at once, and nobody
// renews a lease.
//
// A database is reached by others. There the members keep leases of a second, which
// a keeper renews on the store's clock for as long as the process lives:
//
//   - A start waits until a silent member's lease and a patience of two seconds are
//     over, and deposes it only if its own renewals went on without a break for as
//     long: a database that was away, or whose clock jumped, deposes nobody.
//   - Beside one that is alive it signs off and ends with a [*RivalError]. Of two
//     that start together the one that joined first stays.
//   - Nothing is answered from memory once the lease may be over, counted from
//     before its renewal was sent. Appends need no lease: the store fences them.
//   - A store whose incarnation is another one may have forgotten commits: all
//     slots are given up and taken anew, so nothing stays in memory.
//   - Slots that were lost are taken again, for as long as it takes.
//   - A process whose members were deposed ends.
//
// What is decided about others is in internal/lease, without a clock or a store.
package shard
