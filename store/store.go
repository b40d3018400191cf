package store

import (
	"context"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

// Store keeps one group. It is safe for concurrent use. A context that ends
// makes a read return; a write that has begun may then have an unknown outcome.
type Store interface {
	Reader
	Membership

	// Writer opens the writer of a member that has joined. Its generation is
	// not raised yet: the first call has to be Raise.
	Writer(ctx context.Context, m MemberID, w WriterID) (Writer, error)

	// Erase blanks up to limit rows of a stream whose newest event is
	// TypeErased: data, metadata and commands of its events, its snapshots, its
	// state, its alarms. It reports whether all of it is done; until then
	// PendingErasures names the stream. Doing it twice is harmless; a stream
	// that is not erased is refused with ErrNotErased.
	Erase(ctx context.Context, s message.Stream, limit int) (done bool, err error)
	// PendingErasures names up to limit erased streams that still hold payloads.
	PendingErasures(ctx context.Context, limit int) ([]message.Stream, error)

	// Close ends all use. It waits for writes in flight. Closing twice is harmless.
	Close() error
}

// Writer is the one way to change slots. It is for one goroutine at a time,
// and what it is asked for happens in the order of the calls.
type Writer interface {
	// Raise makes g the writer's generation: it waits for appends that are in
	// the store and refuses those that arrive later. The process counts g, so
	// that a generation is never used twice. After an unknown outcome it is the
	// first call on the writer; it opens a new connection where one is needed.
	Raise(ctx context.Context, g Generation) error
	// Append stores a or nothing. Once it has returned, a and its slices are the
	// caller's again, to be filled anew; what they pointed to is the store's. After
	// an unknown outcome they stay the store's, too.
	Append(ctx context.Context, a *Append) error
	// Acquire takes those of the slots that have no owner or a deposed one, or
	// that the member already owns, at the next epoch, and returns those in the
	// order of slots, with the heads as they are after the acquisition.
	Acquire(ctx context.Context, slots []ring.Slot) ([]Claim, error)
	// Release gives up the claimed slots whose owner and epoch are as claimed;
	// others it leaves as they are, without an error.
	Release(ctx context.Context, claims []Claim) error
	// Verify returns those of the claims that are not what the store holds:
	// owner, epoch and newest event.
	Verify(ctx context.Context, claims []Claim) ([]Claim, error)
	// Close ends the use of the writer, not the membership.
	Close() error
}

// Reader reads what is stored.
type Reader interface {
	// Load answers many requests in one round trip, in their order. Each is
	// answered from one consistent point in time.
	Load(ctx context.Context, reqs []LoadRequest) ([]Loaded, error)
	// ReadStream returns up to limit events of a stream from a version on,
	// whether it was deleted or not. None: an empty slice and no error.
	ReadStream(ctx context.Context, s message.Stream, from message.Version, limit int) ([]Event, error)
	// ReadSlot returns up to limit events of a slot's log from an offset on.
	ReadSlot(ctx context.Context, s ring.Slot, from Offset, limit int) ([]Event, error)
	// ListStreams returns streams in the order of their bytes.
	ListStreams(ctx context.Context, q StreamQuery) ([]StreamInfo, error)
	// Alarms returns up to limit alarms of the slots that are due before until,
	// the earliest first.
	Alarms(ctx context.Context, slots []ring.Slot, until time.Time, limit int) ([]Alarm, error)
}

// LoadRequest asks for what an actor needs: its state, the outcome of message
// ids that it may have seen, or both.
type LoadRequest struct {
	Stream message.Stream
	// Hydrate asks for the newest snapshot or the state row, the stream's last
	// deletion, and the first page of events behind both.
	Hydrate bool
	// Events limits the page of events; 0 means none.
	Events int
	// Bare lets the store leave Metadata and Command out of those events: who
	// only folds them does not need these, and they are most of the bytes.
	Bare bool
	// Messages are looked up in the stream's whole history, and in the newest
	// commands of its state.
	Messages []message.ID
}

// Loaded answers a LoadRequest. Of a stream that is erased it says that, and at
// which version, and nothing else, whether its rows are blanked already or not.
type Loaded struct {
	Snapshot *Snapshot // nil if there is none, or if the stream was deleted after it
	// State is that of a state-based aggregate. It is given behind a soft
	// deletion too (Deleted is then newer than its Version): its Recent goes on
	// answering repeats.
	State *State
	// Deleted is the version of the newest TypeDeleted or TypeErased event, or
	// NoVersion.
	Deleted message.Version
	Erased  bool
	// Events are those after the snapshot and after the deletion; More says
	// that ReadStream has further ones.
	Events []Event
	More   bool
	// Commands answers Messages in their order; nil where no event was stored.
	Commands []*Recorded
}

// Recorded is a command found by its message id.
type Recorded struct {
	Command
	First message.Version // of its events
}

// StreamQuery selects streams.
type StreamQuery struct {
	Name   message.StreamName // empty: of all names
	Prefix string             // of the aggregate's id
	After  message.Stream     // the last one of the page before; empty: from the start
	Limit  int
}

// StreamInfo describes a stream.
type StreamInfo struct {
	Stream  message.Stream
	Version message.Version // of its newest event, deletions included, or of its state
	Deleted bool            // its newest event is a deletion, soft or hard
	Erased  bool
}
