package runtime

import (
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// phase says how the next step of a busy actor begins.
type phase int8

const (
	takeNext phase = iota
	afterLoad
	afterCommit
)

// actor is an aggregate in memory. The fields from mail to unloadAt are guarded
// by the mutex of its slot; place by the unloader's; failedEra to row
// belong to its committer's goroutine; everything else belongs to the turn, that
// is to whoever made it busy.
type actor struct {
	hosted *hosted
	stream message.Stream
	slot   ring.Slot
	epoch  store.Epoch // of the slot's term in which it lives

	mail     mailbox
	back     *mailbox  // what came back from the committer, to be decided anew
	current  *envelope // of the turn, which reads it without the mutex
	busy     bool      // a turn is under way
	waits    bool      // that turn goes on once no more than wakeAt are in flight
	broken   bool      // a commit has failed: the state is worth nothing
	orphan   bool      // its slot has given it up: it ends its turn, and is gone
	inFlight int32     // what the committer has of it and has not completed
	wakeAt   int32
	watched  int64 // when the unloader looks at it; 0: not planned
	used     int64 // when it last had work, Unix nanoseconds
	unloadAt int64 // when a rule wants it out of memory; 0: not planned

	place int32 // in the unloader's heap, from 1; 0: it is not there

	failedEra uint32 // in which a commit has failed: those behind it can never be appended
	failedSeq uint64 // of that commit
	storesIn  uint64 // the number of the append that has a commit of it
	row       int32  // where its state or snapshot stands in that; -1: there is none

	phase   phase
	window  int32  // how many may be in flight
	era     uint32 // grows each time the state was dropped because a commit failed; from 1
	flight  flight
	looking []*envelope // whose ids the load that is under way looks up
	life    uint32      // grows each time the state is dropped: what was looked up before does not count
	room    int64       // that the committer has handed to it when it was parked

	state   any // a *S; nil: not loaded
	version message.Version
	snap    message.Version // of the newest snapshot
	exists  bool
	erased  bool
	recent  []store.Processed // of a state-based aggregate
	kept    int64             // bytes of these
	seen    seenIDs
	size    int64 // estimated bytes
	trouble *trouble
}

func newActor(of *hosted, stream message.Stream, slot ring.Slot, epoch store.Epoch) *actor {
	a := &actor{hosted: of, stream: stream, slot: slot, epoch: epoch, era: 1, window: maxInFlight}
	a.forget()
	return a
}

// held reports whether the actor is in a turn or has something in flight: then it
// is not dropped from memory. The slot's mutex is held.
func (a *actor) held() bool { return a.busy || a.inFlight > 0 }

// pipelines reports whether commands may be decided on what is not durable yet.
// Callbacks want to see each commit by itself.
func (a *actor) pipelines() bool {
	core := a.hosted.core
	return !a.hosted.blocking && !core.HasCallbacks() && !core.HasOnSaved()
}

// view is what a turn decides on.
func (a *actor) view() handler.View {
	return handler.View{State: a.state, Version: a.version, Exists: a.exists}
}

// forget drops the state, so that the next command loads it, and with it what was
// looked up.
func (a *actor) forget() {
	a.life++
	a.state, a.recent, a.kept = nil, nil, 0
	a.version, a.snap = message.NoVersion, message.NoVersion
	a.exists, a.erased = false, false
	a.seen = seenIDs{}
}

// seenIDs remembers the first message ids of a stream as hashes. A hash that is
// not in it proves that an id is new, as long as all ids of the stream fit.
type seenIDs struct {
	hashes [8]uint64
	count  uint8
	all    bool
}

func (s *seenIDs) add(id message.ID) {
	if int(s.count) == len(s.hashes) {
		s.all = false
		return
	}
	s.hashes[s.count] = xxhash.Sum64String(string(id))
	s.count++
}

// isNew reports whether the id certainly was not stored before.
func (s *seenIDs) isNew(id message.ID) bool {
	if !s.all {
		return false
	}
	h := xxhash.Sum64String(string(id))
	for _, one := range s.hashes[:s.count] {
		if one == h {
			return false
		}
	}
	return true
}

// trouble is why an actor cannot be loaded, or what its commands did to it.
type trouble struct {
	panics    int       // in a row
	until     time.Time // quarantined until then
	reason    string
	forgotten time.Time // when it need not be kept any more
}

const (
	panicsToQuarantine = 3
	quarantineTime     = 30 * time.Second
	memoryOfTrouble    = 2 * quarantineTime
)

// panicked counts a panic of an author's code and quarantines the actor when it
// keeps panicking.
func (a *actor) panicked(reason string, now time.Time) {
	t := a.inTrouble(now)
	if t.panics++; t.panics >= panicsToQuarantine {
		a.quarantine(reason, now)
	}
}

func (a *actor) quarantine(reason string, now time.Time) {
	t := a.inTrouble(now)
	t.reason, t.until = reason, now.Add(quarantineTime)
}

func (a *actor) inTrouble(now time.Time) *trouble {
	if a.trouble == nil {
		a.trouble = &trouble{}
	}
	a.trouble.forgotten = now.Add(memoryOfTrouble)
	return a.trouble
}

func (a *actor) quarantined(now time.Time) (reason string, yes bool) {
	if a.trouble == nil || !now.Before(a.trouble.until) {
		return "", false
	}
	return a.trouble.reason, true
}
