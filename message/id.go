package message

import (
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

// generatedIDs is the namespace of generated aggregate ids (UUIDv5). It is part
// of what stores hold: it never changes.
var generatedIDs = uuid.MustParse("6f1b1f0e-5d2e-5c8e-9a53-0f6b7c1d4e2a")

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
// so that a retry and a dry run get the same ones.
func DerivedID(id ID, n int) string {
	name := make([]byte, 0, len(id)+1+8)
	name = append(name, id...)
	name = append(name, 0)
	for ; n > 0; n >>= 7 {
		name = append(name, byte(n&0x7f))
	}
	return uuid.NewSHA1(generatedIDs, name).String()
}
