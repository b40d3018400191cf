package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// foreignService is the service of the commands that stand beside message ids
// from elsewhere. No service answers to it, so that such a message, sent again,
// is refused as used before, and does not run a second time.
const foreignService = "ringhold.imported"

// foreignLine is an event of another event store.
type foreignLine struct {
	Stream     string              `json:"stream"` // with the id, unless ID has it
	ID         message.AggregateID `json:"id"`
	Type       string              `json:"type"`
	Schema     *int                `json:"schema_version"`
	Encoding   store.Encoding      `json:"encoding"`
	Data       json.RawMessage     `json:"data"`
	DataBytes  *[]byte             `json:"data_bytes"`
	Metadata   json.RawMessage     `json:"metadata"`
	MessageID  message.ID          `json:"message_id"`
	RecordedAt string              `json:"recorded_at"`
}

// foreignReader reads lines of another event store, and gives their events the
// versions, slots and offsets that they get here: the same ones whenever the
// same lines are read.
type foreignReader struct {
	lines    *lineReader
	slots    int
	now      time.Time // of events without a time
	versions map[message.Stream]message.Version
	heads    map[ring.Slot]store.Offset
	times    map[ring.Slot]time.Time
	lifted   int64
	events   int64
	expect   *expecting
}

func newForeignReader(r io.Reader, slots int, now time.Time, e Expect) (*foreignReader, error) {
	lines, err := newLineReader(r)
	if err != nil {
		return nil, err
	}
	if err := ring.ValidateSlots(slots); err != nil {
		return nil, err
	}
	return &foreignReader{lines: lines, slots: slots, now: now, versions: map[message.Stream]message.Version{},
		heads: map[ring.Slot]store.Offset{}, times: map[ring.Slot]time.Time{}, expect: expect(e)}, nil
}

// next returns the next event; io.EOF behind the last.
func (f *foreignReader) next() (item, error) {
	for {
		text, err := f.lines.next()
		if errors.Is(err, io.EOF) && f.events == 0 {
			return item{}, errors.New("it is empty: there is no event in it")
		}
		if err != nil {
			return item{}, err
		}
		if len(strings.TrimSpace(string(text))) == 0 {
			continue
		}
		var l foreignLine
		if err := decodeStrictly(text, &l); err != nil {
			return item{}, f.lines.fault(err)
		}
		e, err := l.event()
		if err == nil {
			err = f.expect.event(e)
		}
		if err != nil {
			return item{}, f.lines.fault(err)
		}
		f.events++
		own := e.RecordedAt
		f.place(e)
		return item{event: e, given: !e.RecordedAt.Equal(own), own: own}, nil
	}
}

// place gives an event its place and its time.
func (f *foreignReader) place(e *store.Event) {
	e.Slot, e.Epoch = ring.SlotOf(e.Stream, f.slots), 1
	e.Version, e.Offset = f.versions[e.Stream], f.heads[e.Slot]
	f.versions[e.Stream]++
	f.heads[e.Slot]++
	if e.RecordedAt.IsZero() {
		e.RecordedAt = f.now
	}
	if last := f.times[e.Slot]; e.RecordedAt.Before(last) {
		e.RecordedAt = last
		f.lifted++
	}
	f.times[e.Slot] = e.RecordedAt
	if e.Command != nil {
		e.Command.Response = fmt.Appendf(nil, `{"result":"ok","version":%d}`, e.Version)
	}
}

// event checks all that can be seen of one line.
func (l *foreignLine) event() (*store.Event, error) {
	e := &store.Event{Type: l.Type, Schema: 1, Encoding: l.Encoding, MessageID: l.MessageID, Metadata: []byte("{}")}
	name, id, err := l.names()
	if err != nil {
		return nil, err
	}
	e.Stream = name.Of(id)
	if err := checkType(l.Type); err != nil {
		return nil, err
	}
	if l.Schema != nil {
		if e.Schema = *l.Schema; e.Schema < 1 {
			return nil, fmt.Errorf("schema_version is %d: it counts from 1", e.Schema)
		}
	}
	if l.Encoding != store.JSON && l.Encoding != store.Proto {
		return nil, fmt.Errorf("encoding is %d: write 1 for protobuf, or leave it out for JSON", l.Encoding)
	}
	if e.Data, err = either("data", l.Data, l.DataBytes); err != nil {
		return nil, err
	}
	if e.Data == nil && l.Type != store.TypeDeleted {
		return nil, errors.New("data is missing: write the event's JSON, or data_bytes with base64")
	}
	if l.Metadata != nil && string(l.Metadata) != "null" {
		if l.Metadata[0] != '{' {
			return nil, errors.New("metadata has to be a JSON object")
		}
		e.Metadata = l.Metadata
	}
	if l.MessageID != "" {
		if err := l.MessageID.Validate(); err != nil {
			return nil, fmt.Errorf("message_id: %w", err)
		}
		e.Command = &store.Command{Service: foreignService, Hash: sha256.Sum256([]byte(l.MessageID)), Events: 1}
	}
	if l.RecordedAt != "" {
		e.RecordedAt, err = instant("recorded_at", l.RecordedAt)
	}
	return e, err
}

// names are those of the stream, in one field or in two.
func (l *foreignLine) names() (message.StreamName, message.AggregateID, error) {
	name, id := message.StreamName(l.Stream), l.ID
	if id == "" {
		var ok bool
		if name, id, ok = message.Stream(l.Stream).Split(); !ok {
			return "", "", fmt.Errorf("stream is %q: write NAME-ID, such as accounts-acc-1, or NAME and the field id", l.Stream)
		}
	}
	if err := name.Validate(); err != nil {
		return "", "", fmt.Errorf("stream: %w", err)
	}
	if err := id.Validate(); err != nil {
		return "", "", fmt.Errorf("id: %w", err)
	}
	return name, id, nil
}

func checkType(t string) error {
	switch {
	case t == "":
		return errors.New("type is missing: write the event's name, such as opened")
	case strings.HasPrefix(t, "$") && t != store.TypeDeleted:
		return fmt.Errorf("type is %q: names that begin with $ are Ringhold's own, of which %s may stand here", t, store.TypeDeleted)
	}
	return nil
}

// CheckLines reads all lines of another event store, and says how many events
// they are and how many of them ImportLines would lift, or what is wrong.
func CheckLines(r io.Reader, slots int, expect Expect, progress Progress) (events, lifted int64, err error) {
	f, err := newForeignReader(r, slots, time.Now(), expect)
	if err != nil {
		return 0, 0, err
	}
	for {
		switch _, err := f.next(); {
		case errors.Is(err, io.EOF):
			return f.events, f.lifted, nil
		case err != nil:
			return 0, 0, err
		}
		progress.now(f.events, 0)
	}
}

// ImportLines stores lines of another event store in cfg.Slots slots. The order
// of the lines is the order of a stream's events. An import that was broken off
// goes on when the same lines are given again.
func ImportLines(ctx context.Context, to Target, r io.Reader, cfg ImportConfig) (Imported, error) {
	f, err := newForeignReader(r, cfg.Slots, to.Now.UTC().Truncate(time.Microsecond), cfg.Expect)
	if err != nil {
		return Imported{}, err
	}
	im := newImporter(to, cfg, cfg.Slots, 0, "lines")
	if err := im.begin(ctx, nil); err != nil {
		return Imported{}, err
	}
	if err := im.all(ctx, f.next); err != nil {
		var at *LineError
		if f.lines.number > 0 && !errors.As(err, &at) {
			err = fmt.Errorf("by line %d: %w", f.lines.number, err)
		}
		return Imported{}, err
	}
	for slot, last := range im.stored {
		if next := f.heads[slot]; last >= next { // a slot without events has the head -1
			return Imported{}, &DifferentError{Slot: slot, Offset: next, Reason: "the target has an event there, the file ends before it"}
		}
	}
	log, err := im.readBack(ctx)
	if err != nil {
		return Imported{}, err
	}
	if log.Events() != f.events {
		return Imported{}, fmt.Errorf("the target, read back, has %d events, the file has %d: the import is not finished; report this as a fault", log.Events(), f.events)
	}
	im.done.Lifted = f.lifted
	im.done.Summary = Summary{Group: cfg.Group, Slots: cfg.Slots, Trailer: Trailer{Events: log.Events(), Log: log.Sum()}}
	return im.done, im.finish(ctx)
}
