package store

import (
	"errors"
	"fmt"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

// ErrClosed is returned by a store or a writer that was closed.
var ErrClosed = errors.New("the store is closed")

// ErrMemberExists is wrapped by the refusal of a member's id that has a row, be its
// member deposed or not: a start needs a new id.
var ErrMemberExists = errors.New("the member's id was used before")

// ErrNotErased is wrapped by the refusal to blank a stream whose newest event
// is not of type [TypeErased].
var ErrNotErased = errors.New("the stream is not erased")

// FencedError refuses an append, an acquisition or a release: the member is
// deposed or unknown, or the writer has a newer generation. Nothing was stored.
type FencedError struct {
	Member MemberID
	Writer WriterID
	Gen    Generation
	Reason string
}

func (e *FencedError) Error() string {
	return fmt.Sprintf("member %s is fenced off (writer %d, generation %d): %s", e.Member, e.Writer, e.Gen, e.Reason)
}

// StaleSlotError refuses an append whose claims are not those of the store:
// the slots have another owner or epoch, or another newest event. Nothing was
// stored; the writer's picture of these slots is worthless.
type StaleSlotError struct {
	Slots []ring.Slot
}

func (e *StaleSlotError) Error() string {
	return fmt.Sprintf("the claims on slots %v are not what the store holds", e.Slots)
}

// VersionConflictError says that a stream is not at the version that the
// append expected. Nothing was stored.
type VersionConflictError struct {
	Stream   message.Stream
	Expected message.Version // the version that the append built on
	Current  message.Version
}

func (e *VersionConflictError) Error() string {
	return fmt.Sprintf("stream %q is at version %d, not at %d", e.Stream, e.Current, e.Expected)
}

// DuplicateMessageError says that the stream already has an event of this
// message. Nothing was stored.
type DuplicateMessageError struct {
	Stream    message.Stream
	MessageID message.ID
}

func (e *DuplicateMessageError) Error() string {
	return fmt.Sprintf("stream %q already holds an event of message %q", e.Stream, e.MessageID)
}

// UnknownOutcomeError says that a write may or may not have been stored.
type UnknownOutcomeError struct{ Err error }

func (e *UnknownOutcomeError) Error() string {
	return fmt.Sprintf("the outcome of a write is unknown: %v", e.Err)
}

// Unwrap returns what happened to the connection.
func (e *UnknownOutcomeError) Unwrap() error { return e.Err }

// LockedError says that another process has the store open.
type LockedError struct {
	Path  string
	Owner string // what the other process says of itself; may be empty
}

func (e *LockedError) Error() string {
	if e.Owner == "" {
		return fmt.Sprintf("%s is in use by another process", e.Path)
	}
	return fmt.Sprintf("%s is in use by %s", e.Path, e.Owner)
}

// SchemaError says that a store's schema and this binary do not fit.
type SchemaError struct {
	Version   int // of the store
	MinBinary int // the lowest schema number of a binary that may use it
	Binary    int // the schema number of this binary
}

func (e *SchemaError) Error() string {
	if e.Binary < e.MinBinary {
		return fmt.Sprintf("the store has schema %d, which needs a binary of schema %d or newer; this one has %d: use a newer release", e.Version, e.MinBinary, e.Binary)
	}
	return fmt.Sprintf("the store has schema %d, this binary needs %d: run `ringhold migrate`", e.Version, e.Binary)
}
