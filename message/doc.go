// Package message holds what travels through Ringhold: a command with its
// identity, its request and, in the end, its response.
//
// A [Message] is made by a caller, finds its service by name, is decided by at
// most one handler, and comes back with exactly one [Response]. The package
// does no I/O and starts no goroutine; values of its types are not safe for
// concurrent use unless their comment says so.
package message
