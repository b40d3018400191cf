// Package transfer moves a group from one store to another: it writes all that a
// store holds of a group to a file of JSON lines, and stores what such a file
// holds. It knows stores by their contract only, and nothing of processes; who
// may write is up to its caller.
//
// # The file
//
// The first line is the [Header]. One line for each event follows, in the order
// of (slot, offset); then the snapshots, the states and the alarms, each in the
// order of its key; then the [Trailer] with counts and hashes. The same group
// gives the same file, byte for byte, whichever store it is in.
//
// Payloads are copied, not interpreted: JSON that fits into a line stands there
// as it is, and everything else in base64, so that bytes come back exactly.
//
// # The log's hash
//
// [LogHash] is the SHA-256 of all events in the order of (slot, offset), of a
// form that depends neither on a store nor on the file. Two groups with the same
// hash have the same events, and an import is done when the target, read back,
// has the hash of the file.
package transfer
