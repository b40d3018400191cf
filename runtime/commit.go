package runtime

import (
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// commit is what a turn hands to the committer: what is to be stored and the
// answer that follows it, or an answer alone that must not overtake what it rests
// on. It is part of its envelope.
type commit struct {
	actor    *actor
	envelope *envelope
	stream   message.Stream
	slot     ring.Slot
	era      uint32          // of the actor, in which it was decided
	expected message.Version // before
	after    message.Version

	command  *store.Command // nil: an answer alone
	events   []store.Event
	snapshot *store.Snapshot
	state    *store.State
	tomb     string // the type of a deletion
	response message.Response
	unload   aggregate.Unload

	// blocks says that the turn waits for this commit, and goes on with its outcome.
	blocks  bool
	pending []aggregate.Pending // still to be applied: callbacks see the state before them
	size    int64               // of the actor behind it
	recent  int64               // bytes of the messages in its state row
	snap    message.Version     // of the newest snapshot behind it

	memory  bool // an answer alone that rests on nothing but memory
	handled bool // an answer alone of a command that was decided

	deadline time.Time     // of the caller's waiting; zero: none
	timeout  time.Duration // of the commit
	// weight is how many bytes it counts at its committer, from admit or submit on; 0:
	// none. Whoever gives them back takes them from here first, since the envelope of
	// a commit that failed goes on.
	weight int64
	seq    uint64  // in the order in which the committer got them
	next   *commit // in its lane
	later  *commit // in its actor's flight
}

// stores reports whether there is anything to append.
func (c *commit) stores() bool { return c.command != nil }

// isDoomed reports whether the commit rests on one that has failed.
func (c *commit) isDoomed() bool {
	a := c.actor
	return c.era < a.failedEra || c.era == a.failedEra && c.seq >= a.failedSeq
}

// doom notes that the commit has failed, and with it all of its era behind it.
func (c *commit) doom() {
	if !c.isDoomed() {
		c.actor.failedEra, c.actor.failedSeq = c.era, c.seq
	}
}

// bytes estimates what the commit takes in memory, and adds to an append.
func (c *commit) bytes() int64 {
	n := int64(envelopeBytes)
	for i := range c.events {
		n += int64(len(c.events[i].Data) + len(c.events[i].Metadata) + 128)
	}
	if c.command != nil {
		n += int64(len(c.command.Request) + len(c.command.Response))
	}
	if c.snapshot != nil {
		n += int64(len(c.snapshot.Data))
	}
	if c.state != nil {
		n += int64(len(c.state.Data)) + c.recent
	}
	switch r := c.response.(type) { //nolint:gochecksumtype // the others are small
	case message.OK:
		n += int64(len(r.Value.JSON))
	case message.DomainError:
		n += int64(len(r.Detail.JSON))
	}
	return n
}
