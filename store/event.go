package store

import (
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

// Types of the events that Ringhold itself writes. Types of aggregates never
// begin with '$'.
const (
	// TypeDeleted ends a stream softly: its events stay readable, and a new
	// aggregate may go on at the next version.
	TypeDeleted = "$deleted"
	// TypeErased ends a stream for ever: payloads are blanked, the id is refused.
	TypeErased = "$erased"
)

// Encoding says how bytes are to be read.
type Encoding int8

// The encodings of events, states and requests.
const (
	JSON  Encoding = 0
	Proto Encoding = 1 // a protobuf message's deterministic bytes
)

// Event is a stored event. A reader owns what it was given; a store owns what
// it was given from the call on, so bytes are never changed after either.
type Event struct {
	Stream   message.Stream
	Version  message.Version
	Slot     ring.Slot
	Offset   Offset
	Epoch    Epoch // the slot's epoch when it was written; never falls along offsets
	Type     string
	Schema   int // the schema number of Type's payload, from 1
	Encoding Encoding
	Data     []byte
	Metadata []byte // a JSON object

	// MessageID and Command stand on the first event of a command only.
	MessageID message.ID
	Command   *Command

	// RecordedAt is the store's time of the append; what an append says is
	// ignored. It never falls along a slot's offsets, whatever the clock does.
	RecordedAt time.Time
}

// Command is what was asked and answered when an event was stored. It answers
// a repeated message id with its first response.
type Command struct {
	Service message.ServiceName
	// Hash is the SHA-256 of the request as it was received.
	Hash [32]byte
	// Request is nil when it was longer than 64 KiB.
	Request         []byte
	RequestEncoding Encoding
	// Response is the JSON of the response (message.EncodeResponse).
	Response []byte
	// Events counts the events that the command stored.
	Events int
}

// Snapshot is the state of a stream at a version, kept beside its events.
type Snapshot struct {
	Stream   message.Stream
	Version  message.Version
	Schema   int
	Encoding Encoding
	Data     []byte
}

// State is the one row of a state-based aggregate.
type State struct {
	Stream message.Stream
	Slot   ring.Slot
	// Expected is the version that the stream has: that of the row that this
	// one replaces, or of a deletion behind it; NoVersion if there is neither.
	// A mismatch is a *VersionConflictError. Zero when read.
	Expected message.Version
	Version  message.Version
	Schema   int
	Encoding Encoding
	Data     []byte
	// Recent holds the newest commands, oldest first, for answering repeats.
	// The last one ends at Version, and each begins where the one before it
	// ended, but for soft deletions between them.
	Recent []Processed
}

// Processed is a command that a state-based aggregate has run.
type Processed struct {
	MessageID message.ID
	Command   Command
}

// Alarm is a message to dispatch later.
type Alarm struct {
	ID      string         // unique in the group: a new alarm replaces the old one
	Stream  message.Stream // whose owner fires it
	Slot    ring.Slot
	DueAt   time.Time
	Message []byte // JSON
}
