package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// checker follows the lines of a file and says what cannot be so. It holds the
// streams of one slot at a time.
type checker struct {
	header *Header
	log    *LogHash
	rest   hash.Hash // of all lines but the events
	count  Trailer   // its numbers

	head     int            // index into header.Heads of the slot that is read
	at       store.SlotHead // of the event read last
	time     time.Time      // its
	versions map[message.Stream]message.Version
	kind     int    // of the rows read last: they come one kind after the other
	key      string // of the row read last
	ended    bool
}

// Kinds of lines, in the order of a file.
const (
	kindEvent = iota
	kindSnapshot
	kindState
	kindAlarm
)

// newChecker begins behind the header, whose line is text.
func newChecker(h *Header, text []byte) *checker {
	c := &checker{header: h, log: NewLogHash(), rest: sha256.New(), at: store.SlotHead{Head: store.Head{Offset: store.NoOffset}}}
	c.other(text)
	return c
}

// other takes a line that is no event into the hash of those.
func (c *checker) other(text []byte) {
	c.rest.Write(text)
	c.rest.Write([]byte{'\n'})
}

// check takes the next line.
func (c *checker) check(it item, text []byte) error {
	if c.ended {
		return errors.New("it stands behind the end")
	}
	switch {
	case it.event != nil:
		return c.event(it.event)
	case it.snapshot != nil:
		c.count.Snapshots++
		return c.row(kindSnapshot, string(it.snapshot.Stream), nil, text)
	case it.state != nil:
		c.count.States++
		if err := c.slot(it.state.Stream, it.state.Slot); err != nil {
			return err
		}
		return c.row(kindState, string(it.state.Stream), it.state, text)
	case it.alarm != nil:
		c.count.Alarms++
		if err := c.slot(it.alarm.Stream, it.alarm.Slot); err != nil {
			return err
		}
		return c.row(kindAlarm, it.alarm.ID, nil, text)
	}
	return c.end(it.end)
}

func (c *checker) event(e *store.Event) error {
	if c.kind != kindEvent {
		return errors.New("an event stands behind the snapshots, states or alarms: lines were moved")
	}
	if err := c.follows(e); err != nil {
		return err
	}
	switch v, seen := c.versions[e.Stream]; {
	case e.Epoch < 1 || e.Epoch < c.at.Head.Epoch:
		return fmt.Errorf("epoch falls from %d to %d in slot %d: lines were changed", c.at.Head.Epoch, e.Epoch, e.Slot)
	case e.RecordedAt.Before(c.time):
		return fmt.Errorf("recorded_at falls from %s to %s in slot %d: lines were changed", c.time, e.RecordedAt, e.Slot)
	case e.Version < 0 || seen && e.Version <= v:
		return fmt.Errorf("version of stream %q goes from %d to %d: lines were changed", e.Stream, v, e.Version)
	}
	if err := c.slot(e.Stream, e.Slot); err != nil {
		return err
	}
	c.at, c.time = store.SlotHead{Slot: e.Slot, Head: store.Head{Offset: e.Offset, Epoch: e.Epoch}}, e.RecordedAt
	c.versions[e.Stream] = e.Version
	c.log.Add(e)
	c.count.Events++
	return nil
}

// follows finds the event's slot in the heads, and its offset behind the last.
func (c *checker) follows(e *store.Event) error {
	if c.head < len(c.header.Heads) && c.at == c.header.Heads[c.head] {
		c.head++
		c.at = store.SlotHead{Head: store.Head{Offset: store.NoOffset}}
		c.versions = nil
	}
	if c.head == len(c.header.Heads) {
		return fmt.Errorf("offset %d of slot %d stands behind the last event that the header names: lines were moved or doubled", e.Offset, e.Slot)
	}
	if c.versions == nil {
		c.versions, c.time = map[message.Stream]message.Version{}, time.Time{}
	}
	h := c.header.Heads[c.head]
	next := c.at.Head.Offset + 1
	if e.Slot != h.Slot || e.Offset != next || e.Offset > h.Head.Offset || e.Offset == h.Head.Offset && e.Epoch != h.Head.Epoch {
		return fmt.Errorf("offset %d of slot %d (epoch %d) stands where offset %d of slot %d has to stand: lines are missing, were moved or changed", e.Offset, e.Slot, e.Epoch, next, h.Slot)
	}
	return nil
}

// slot is where a stream belongs.
func (c *checker) slot(name message.Stream, in ring.Slot) error {
	if want := ring.SlotOf(name, c.header.Slots); in != want {
		return fmt.Errorf("slot is %d, but stream %q belongs to slot %d of %d: the file was changed", in, name, want, c.header.Slots)
	}
	return nil
}

// row takes a line behind the events.
func (c *checker) row(kind int, key string, state *store.State, text []byte) error {
	if err := c.eventsEnd(); err != nil {
		return err
	}
	if c.header.EventsOnly {
		return errors.New("the header says that there are events only: lines were added")
	}
	if state != nil && state.Version < 0 {
		return fmt.Errorf("version is %d", state.Version)
	}
	if kind < c.kind || kind == c.kind && key <= c.key {
		return fmt.Errorf("%q stands behind %q: lines were moved or doubled", key, c.key)
	}
	c.kind, c.key = kind, key
	c.other(text)
	return nil
}

// eventsEnd reports events that are missing.
func (c *checker) eventsEnd() error {
	heads := c.header.Heads
	if len(heads) == 0 || c.head >= len(heads) || c.head == len(heads)-1 && c.at == heads[c.head] {
		return nil
	}
	return fmt.Errorf("the events end at offset %d of slot %d, but the header says that they go on: lines are missing", c.at.Head.Offset, heads[c.head].Slot)
}

func (c *checker) end(t *Trailer) error {
	if err := c.eventsEnd(); err != nil {
		return err
	}
	c.ended = true
	got := c.trailer()
	switch {
	case t.Log != got.Log:
		return fmt.Errorf("the log's hash is %s, the file says %s: its events were changed or damaged since the export", got.Log, t.Log)
	case t.Rest != got.Rest:
		return fmt.Errorf("the hash of header, snapshots, states and alarms is %s, the file says %s: they were changed or damaged since the export", got.Rest, t.Rest)
	case *t != got:
		return fmt.Errorf("there are %+v, the file says %+v: lines are missing or were added", got, *t)
	}
	return nil
}

// trailer is what the end has to say of the lines so far.
func (c *checker) trailer() Trailer {
	t := c.count
	t.Log, t.Rest = c.log.Sum(), hex.EncodeToString(c.rest.Sum(nil))
	return t
}
