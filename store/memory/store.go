package memory

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// Config configures a store.
type Config struct {
	// Group is the identity of the AggregateService. A store holds just one.
	Group string
	// Clock is the store's clock; nil means time.Now.
	Clock func() time.Time
}

// Store is a store.Store. One mutex guards all of it: no call blocks on
// anything else, so contexts are looked at once, before it.
type Store struct {
	group       string
	clock       func() time.Time
	incarnation string

	mu         sync.Mutex
	closed     bool
	last       time.Time // of the newest event; RecordedAt never falls
	members    map[store.MemberID]*member
	membership store.MembershipVersion
	slots      map[ring.Slot]*slot
	streams    map[message.Stream]*stream
	names      []message.Stream // the keys of streams, in order up to sorted
	sorted     int
	alarms     map[string]store.Alarm
	erasures   map[message.Stream]bool // erased streams that still hold payloads
	ring       store.Ring
}

// member is a row of members with its fences: fences[w] is the generation of
// writer w, 0 until it was raised. How many slots it owns, and the sum of their
// epochs, is counted: a renewal is not to look at all slots.
type member struct {
	store.Member
	fences []store.Generation
	slots  int
	epochs int64
}

// slot is a row of slots with its log.
type slot struct {
	owner store.MemberID
	epoch store.Epoch
	log   []*store.Event
}

func (s *slot) head() store.Head {
	if len(s.log) == 0 {
		return store.Head{Offset: store.NoOffset}
	}
	e := s.log[len(s.log)-1]
	return store.Head{Offset: e.Offset, Epoch: e.Epoch}
}

var _ store.Store = (*Store)(nil)

// New returns an empty store.
func New(c Config) *Store {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &Store{
		group:       c.Group,
		clock:       c.Clock,
		incarnation: uuid.NewString(), // nothing is ever lost while the process lives
		members:     map[store.MemberID]*member{},
		slots:       map[ring.Slot]*slot{},
		streams:     map[message.Stream]*stream{},
		alarms:      map[string]store.Alarm{},
		erasures:    map[message.Stream]bool{},
	}
}

// Close ends all use.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// enter locks the store for one call; the caller unlocks it if there is no error.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	return nil
}

// now is the store's time, in the microseconds that all stores keep.
func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// slot returns the slot's row, making it if need be.
func (s *Store) slot(n ring.Slot) *slot {
	sl := s.slots[n]
	if sl == nil {
		sl = &slot{}
		s.slots[n] = sl
	}
	return sl
}

// give changes who owns a slot, and its epoch.
func (s *Store) give(sl *slot, owner store.MemberID, epoch store.Epoch) {
	if row := s.members[sl.owner]; row != nil {
		row.slots--
		row.epochs -= int64(sl.epoch)
	}
	sl.owner, sl.epoch = owner, epoch
	if row := s.members[owner]; row != nil {
		row.slots++
		row.epochs += int64(epoch)
	}
}
