package message

import (
	"strconv"

	"github.com/google/uuid"
)

// ID identifies a message: 1 to 255 bytes of UTF-8 without control characters.
// A caller that may retry chooses its own and keeps it, since a message that
// stored an event is never run twice in its stream.
type ID string

// NewID returns a new id, a UUIDv7: ids made later sort later.
func NewID() ID { return ID(uuid.Must(uuid.NewV7()).String()) }

// Validate reports why id cannot be a message id, or nil.
func (id ID) Validate() error { return validateID("message id", string(id), MaxMessageID) }

// The namespaces of ids that are made from others (UUIDv5). They are part of
// what stores hold: they never change. docs/compatibility.md has vectors.
var (
	generatedIDs = uuid.MustParse("6f1b1f0e-5d2e-5c8e-9a53-0f6b7c1d4e2a")
	derivedIDs   = uuid.MustParse("f1f4a3c9-4b0b-5b6e-8d5e-2c1f7a9e3b64")
)

// GeneratedID derives the id of a new aggregate from the message that asks for
// it, so that a retry of that message cannot create a second aggregate. It is
// the UUIDv5 of stream name + NUL + message id.
func GeneratedID(stream StreamName, id ID) AggregateID {
	name := make([]byte, 0, len(stream)+1+len(id))
	name = append(name, stream...)
	name = append(name, 0)
	name = append(name, id...)
	return AggregateID(uuid.NewSHA1(generatedIDs, name).String())
}

// DerivedID derives the n-th id that a decision asks for from its message's id,
// so that a retry and a dry run get the same ones. It is the UUIDv5 of message
// id + NUL + n in decimal digits.
func DerivedID(id ID, n int) string {
	name := make([]byte, 0, len(id)+1+8)
	name = append(name, id...)
	name = append(name, 0)
	name = strconv.AppendInt(name, int64(n), 10)
	return uuid.NewSHA1(derivedIDs, name).String()
}
