// Package store is the contract between Ringhold and what keeps its events.
//
// A store holds one group: the events of its streams in one gap-free log per
// slot, snapshots, states, alarms, and the rows that decide who may write:
// members, fences, slots. Implementations are in store/memory, store/sqlite
// and store/postgres; every one passes the suite of store/storetest.
//
// # Writing
//
// All that changes a slot goes through a [Writer]. A process has a fixed number
// of writers, a slot belongs to the same writer for the life of the process,
// and a writer uses one connection at a time. An [Append] is one transaction
// that proves, in the store:
//
//   - that its member is not deposed and that the writer's generation is the
//     newest one (else [*FencedError]);
//   - that the member owns each slot at the claimed epoch, and that the newest
//     event of the slot is the claimed one, by offset and by the epoch in which
//     it was written (else [*StaleSlotError]);
//   - that no stream has moved on ([*VersionConflictError]) and no message id
//     has been stored in its stream before ([*DuplicateMessageError]).
//
// An append that is wrong in several ways is refused for the first of these:
// fence, claims, a repeated message (whose first answer is what its caller
// wants), the versions.
//
// Any error but [*UnknownOutcomeError] means that nothing of the append was
// stored. After an unknown outcome the writer raises its generation, which
// waits for what is in and refuses what arrives late; only then does a look-up
// tell what became of the append.
//
// # Deleting
//
// Deleting is an append of an event of type [TypeDeleted] (soft) or
// [TypeErased] (hard). Erasing then blanks rows in chunks with
// [Store.Erase]; it never removes an offset. That nothing follows a TypeErased
// event is up to the stream's owner: stores do not look.
//
// # Times
//
// All times are of the store's clock, in UTC, and are kept in microseconds.
package store
