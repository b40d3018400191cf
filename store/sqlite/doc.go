// Package sqlite keeps a group in one SQLite file: the embedded default, with
// nothing to install. It has the whole contract of package store.
//
// # One process
//
// A file lock beside the data (PATH.lock) keeps a second process off; the
// second one is told whose the file is, from PATH.owner. The members, writers
// and fences within the process are those of any store. Since nobody else can
// have the file open, [Store.Depose] accepts Alone.
//
// # Commits
//
// SQLite has one writer at a time, and a commit costs an fsync. So everything
// that writes goes to one committer: it takes what is pending, runs each
// request in a savepoint of one transaction, commits, and then answers all of
// them. A request that is refused is rolled back to its savepoint, alone.
//
// The file is in WAL mode with synchronous=FULL: what was acknowledged survives
// the process and the machine. Its incarnation is therefore made once, with the
// file.
//
// Reads have connections of their own and never wait for writes.
package sqlite
