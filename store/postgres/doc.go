// Package postgres keeps groups in PostgreSQL, for production: several
// processes may have the same group open, and what each may write is decided by
// fences in the database. PostgreSQL 14 to 18 are supported, with the database's
// encoding UTF8.
//
// # Who may write
//
// A member has a row in members, which holds its lease, and one row in fences
// for each of its writers: its generation, and whether the member is deposed.
// An append is one call of one function, append_v1, in a transaction of its own:
// it locks the writer's fence row, compares generation, owner, epoch and newest
// event (by offset and by the epoch in which it was written) of each slot that
// it claims, then inserts. Each of these is a statement of its own inside the
// function, so that it sees what was committed while the lock was waited for.
//
// A session proves a slot, and the version of a stream, by looking once. Later
// appends rest on that, and on the session's own appends since: see the type
// proof for why that is enough. It made an append a third cheaper.
//
// Raising a generation, deposing a member and acquiring slots of a member without
// a row update fence rows, so they wait for what is in and refuse what arrives
// later, however late. They do not wait for ever: what holds them up for more than 250 ms, such as an append that a
// paused process has sent half of, is terminated from a second connection.
//
// # Unknown outcomes
//
// An error that the server reported means that nothing was stored. One that says
// that a transaction had to end for the sake of others (a deadlock, a conflict) is
// no more than that: the statement is asked for again, twice at most, and fails
// with Kind Interrupted after that. A lost
// connection, a timeout of the client, the end of the server's process, and any
// warning during a write mean that nobody knows: *store.UnknownOutcomeError. A
// warning is how PostgreSQL says that a commit that waited for a synchronous
// standby was interrupted. A writer with such an outcome refuses everything but
// Raise, which opens a new connection. So does one whose session has ended: the
// server behind the next one may lack what the last one had.
//
// # The incarnation
//
// It is a random id in an UNLOGGED table, which PostgreSQL empties exactly when
// commits may have been lost: after a crash, an immediate stop, a promotion.
// A fast restart keeps it.
//
// # Connections
//
// A process has one connection for each writer, one for renewals, up to
// ReadConnections for everything else, and up to two more while it deposes a
// member or waits for a fence. Each must be a session of its own: poolers such
// as pgbouncer are recognised and refused with a *PoolerError.
//
// # Rights
//
// Who migrates needs CREATE on the schema, and on the database if the schema is
// not there. Who runs needs USAGE on the schema and SELECT, INSERT, UPDATE and
// DELETE on its tables. Where members connect as different roles, each needs
// pg_signal_backend, to terminate the sessions of the others: Open warns where it
// is missing, and Store.SignalRight says it at any time. Sessions that write for a
// group are known by an advisory lock that they share.
package postgres
