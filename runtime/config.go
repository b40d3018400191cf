package runtime

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// Defaults of a Config.
const (
	DefaultMailbox       = 1000
	DefaultWriters       = 1
	DefaultPage          = 500
	DefaultBatchCommands = 1024
	DefaultBatchBytes    = 4 << 20
	DefaultLoaders       = 2
	DefaultOpenBytes     = 256 << 20
	DefaultPendingBytes  = 32 << 20
	DefaultStopTimeout   = 30 * time.Second
)

// Config says what a Host hosts.
type Config struct {
	Store   store.Store
	Member  store.MemberID // has joined the store
	Writers int            // how many writers it joined with
	Slots   int            // of the group

	Streams []Stream

	// BatchCommands and BatchBytes bound one append.
	BatchCommands int
	BatchBytes    int
	// Page is how many events one read of a stream gets.
	Page int
	// Loaders is how many loads run at once; each takes all that waits.
	Loaders int
	// OpenBytes bounds the requests that are not answered, over all aggregates;
	// what comes on top is refused at once.
	OpenBytes int
	// PendingBytes bounds, for each writer, about, what was decided and is not
	// durable. When it is full, aggregates decide nothing more, and their commands
	// wait in their mailboxes.
	PendingBytes int64
	// Blocking has every aggregate decide on durable state only: one command a
	// commit, as those with commit, rollback or saved callbacks do anyway.
	Blocking bool
	// StopTimeout is how long Stop waits for the store, and for authors' code,
	// before it gives up; see Stop.
	StopTimeout time.Duration

	// MayAnswer, if not nil, is asked right before an answer that rests on nothing
	// but this member's memory is given: refusals, reads, dry runs, repeats. After
	// false the caller is told that the service is unavailable. It is called
	// often, on any goroutine, and must not block.
	MayAnswer func() bool
	// OnLost, if not nil, is told of slots that were served and are not any more,
	// because the store refused what this member holds to be true of them, or takes
	// nothing from it any more; then err wraps a *store.FencedError. It must not
	// block, nor call the host.
	OnLost func(slots []ring.Slot, err error)

	Logger   *slog.Logger
	Observer Observer
}

// Stream says how the aggregates of a stream are hosted.
type Stream struct {
	Core *aggregate.Core
	// Mailbox is how many commands may wait for one aggregate.
	Mailbox int
	// IdleAfter unloads aggregates that were not used for so long; 0: never.
	IdleAfter time.Duration
	// MaxActors and MemoryLimit (estimated bytes) bound what is in memory of the
	// stream; above them the least recently used leave first. 0: no limit.
	MaxActors   int64
	MemoryLimit int64
	// UnloadOn unloads an aggregate so long after an event of a type.
	UnloadOn map[string]time.Duration
}

// Observer is told what happens to actors. Its methods must not block.
type Observer interface {
	// ActorLoaded says that an aggregate came into memory.
	ActorLoaded(message.StreamName)
	// ActorUnloaded says that an aggregate left memory.
	ActorUnloaded(message.StreamName)
	// CommandHandled says that a command was decided and answered; took is the
	// time since it arrived. Repeats, and what was refused unread, are not told.
	CommandHandled(m *message.Message, r message.Response, took time.Duration)
	// CommitTimeout says that a caller was told that the outcome is unknown.
	CommitTimeout(m *message.Message)
	// Committed says that an append was stored; took is the time in the store.
	Committed(commands, events int, took time.Duration)
}

type noObserver struct{}

func (noObserver) ActorLoaded(message.StreamName)                                   {}
func (noObserver) ActorUnloaded(message.StreamName)                                 {}
func (noObserver) CommandHandled(*message.Message, message.Response, time.Duration) {}
func (noObserver) CommitTimeout(*message.Message)                                   {}
func (noObserver) Committed(commands, events int, took time.Duration)               {}

func (c *Config) setDefaults() {
	setIfZero(&c.Writers, DefaultWriters)
	setIfZero(&c.BatchCommands, DefaultBatchCommands)
	setIfZero(&c.BatchBytes, DefaultBatchBytes)
	setIfZero(&c.Page, DefaultPage)
	setIfZero(&c.Loaders, DefaultLoaders)
	setIfZero(&c.OpenBytes, DefaultOpenBytes)
	setIfZero(&c.PendingBytes, DefaultPendingBytes)
	setIfZero(&c.StopTimeout, DefaultStopTimeout)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Observer == nil {
		c.Observer = noObserver{}
	}
	for i := range c.Streams {
		setIfZero(&c.Streams[i].Mailbox, DefaultMailbox)
	}
}

func setIfZero[T ~int | ~int64](n *T, value T) {
	if *n == 0 {
		*n = value
	}
}

// Validate reports all faults of the configuration at once.
func (c *Config) Validate() error {
	var faults []error
	fault := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(c.Store != nil, "runtime: no store is given")
	fault(c.Member != "", "runtime: no member is given")
	fault(c.Writers > 0, "runtime: writers is %d, it has to be positive", c.Writers)
	fault(ring.ValidateSlots(c.Slots) == nil, "runtime: slots is %d, it has to be a power of two up to %d", c.Slots, ring.MaxSlots)
	fault(c.BatchCommands > 0 && c.BatchBytes > 0, "runtime: the limits of a batch have to be positive")
	fault(c.PendingBytes > 0 && c.StopTimeout > 0, "runtime: pending bytes and the time to stop have to be positive")
	fault(c.Page > 0 && c.Loaders > 0 && c.OpenBytes > 0, "runtime: page, loaders and open bytes have to be positive")
	seen := map[message.StreamName]bool{}
	for _, s := range c.Streams {
		fault(!seen[s.Core.Stream], "runtime: stream %q is given twice", s.Core.Stream)
		fault(s.MaxActors >= 0 && s.MemoryLimit >= 0 && s.IdleAfter >= 0, "runtime: stream %q: a limit is negative", s.Core.Stream)
		fault(s.Mailbox > 0, "runtime: stream %q: mailbox is %d, it has to be positive", s.Core.Stream, s.Mailbox)
		seen[s.Core.Stream] = true
	}
	return errors.Join(faults...)
}
