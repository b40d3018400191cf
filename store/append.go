package store

import (
	"fmt"
	"slices"
	"sync"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

// Append is one transaction of a writer. Its events are in the order of their
// offsets within each slot, and the first offset of a slot is that of the
// claimed head plus one; several slots and several aggregates may share it.
//
// A stream's version is that of its newest event or of its state, whichever is
// newer. Its first event in an append has the next one, its state names the
// current one as expected: both are compared with what was stored before the
// append.
type Append struct {
	Member MemberID
	Writer WriterID
	Gen    Generation

	// Claims has one entry for each slot that Events, States or Alarms touch.
	// Each is proved, also of a slot that nothing else touches.
	Claims []Claim

	Events []Event
	// Snapshots replace an older or equal one of their stream; a newer one stays.
	// Each stands beside events or the state of its stream, whose claim is its own.
	Snapshots []Snapshot
	States    []State
	// Alarms replace the one with the same id.
	Alarms []Alarm
}

// Validate reports why no store could take a, or nil. It looks at a alone: a
// claim that is missing or doubled, events that do not follow their claim or
// each other, a snapshot by itself. Stores call it first; an error of it is a fault of the caller.
func (a *Append) Validate() error {
	c := checks.Get().(*check)
	defer c.done()
	heads := c.heads
	if err := a.claimed(heads); err != nil {
		return err
	}
	if err := a.validateEvents(heads, c.versions); err != nil {
		return err
	}
	for i := range a.States {
		s := &a.States[i]
		if _, ok := heads[s.Slot]; !ok {
			return fmt.Errorf("append: the state of stream %q is in slot %d, which the append does not claim", s.Stream, s.Slot)
		}
		if s.Version <= s.Expected {
			return fmt.Errorf("append: the state of stream %q goes from version %d to %d", s.Stream, s.Expected, s.Version)
		}
	}
	if err := a.validateSnapshots(); err != nil {
		return err
	}
	for i := range a.Alarms {
		if al := &a.Alarms[i]; !has(heads, al.Slot) {
			return fmt.Errorf("append: alarm %q is in slot %d, which the append does not claim", al.ID, al.Slot)
		}
	}
	return nil
}

// check is what the validation of an append remembers. It is used again, since
// maps of this size, once an append, are a good part of what a command allocates.
type check struct {
	heads    map[ring.Slot]Claim
	versions map[message.Stream]message.Version
}

var checks = sync.Pool{New: func() any {
	return &check{heads: map[ring.Slot]Claim{}, versions: map[message.Stream]message.Version{}}
}}

func (c *check) done() {
	clear(c.heads)
	clear(c.versions) // keeps no name of a stream
	checks.Put(c)
}

// claimed puts the claims into heads.
func (a *Append) claimed(heads map[ring.Slot]Claim) error {
	for _, c := range a.Claims {
		if has(heads, c.Slot) {
			return fmt.Errorf("append: slot %d is claimed twice", c.Slot)
		}
		heads[c.Slot] = c
	}
	return nil
}

// validateEvents moves the heads along the events.
func (a *Append) validateEvents(heads map[ring.Slot]Claim, versions map[message.Stream]message.Version) error {
	for i := range a.Events {
		e := &a.Events[i]
		c, ok := heads[e.Slot]
		switch {
		case !ok:
			return fmt.Errorf("append: an event of stream %q is in slot %d, which the append does not claim", e.Stream, e.Slot)
		case e.Offset != c.Head.Offset+1:
			return fmt.Errorf("append: an event of stream %q has offset %d in slot %d, %d is the next one", e.Stream, e.Offset, e.Slot, c.Head.Offset+1)
		case e.Epoch != c.Epoch:
			return fmt.Errorf("append: an event of stream %q has epoch %d in slot %d, which is claimed at %d", e.Stream, e.Epoch, e.Slot, c.Epoch)
		case e.Version < 0:
			return fmt.Errorf("append: an event of stream %q has version %d", e.Stream, e.Version)
		case (e.MessageID == "") != (e.Command == nil):
			return fmt.Errorf("append: event %d of stream %q has a message id without its command, or the reverse", e.Version, e.Stream)
		}
		if v, seen := versions[e.Stream]; seen && e.Version != v+1 {
			return fmt.Errorf("append: stream %q goes from version %d to %d", e.Stream, v, e.Version)
		}
		versions[e.Stream] = e.Version
		c.Head.Offset = e.Offset
		heads[e.Slot] = c
	}
	return nil
}

// validateSnapshots looks for the events or the state that each stands beside.
// Appends have few snapshots.
func (a *Append) validateSnapshots() error {
	for i := range a.Snapshots {
		name := a.Snapshots[i].Stream
		if !slices.ContainsFunc(a.Events, func(e Event) bool { return e.Stream == name }) &&
			!slices.ContainsFunc(a.States, func(s State) bool { return s.Stream == name }) {
			return fmt.Errorf("append: the snapshot of stream %q has neither events nor a state of it beside it", name)
		}
	}
	return nil
}

func has(claims map[ring.Slot]Claim, s ring.Slot) bool {
	_, ok := claims[s]
	return ok
}
