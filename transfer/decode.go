package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// item is what one line holds: exactly one of its fields is set.
type item struct {
	event    *store.Event
	snapshot *store.Snapshot
	state    *store.State
	alarm    *store.Alarm
	end      *Trailer

	// given says that the event's time is not that of its line, but of this import:
	// the line told none, or own, which is earlier than that of the event before it.
	given bool
	own   time.Time
}

// lineJSON is every line but the header. Raw values come as they stand in the
// line; of each pair of name and name_bytes one is there at most.
type lineJSON struct {
	Slot   *ring.Slot    `json:"slot"`
	Offset *store.Offset `json:"offset"`
	Epoch  *store.Epoch  `json:"epoch"`
	Type   *string       `json:"type"`
	rowJSON
	RecordedAt    string          `json:"recorded_at"`
	Metadata      json.RawMessage `json:"metadata"`
	MetadataBytes *[]byte         `json:"metadata_bytes"`
	MessageID     message.ID      `json:"message_id"`
	Command       json.RawMessage `json:"command"`
	CommandBytes  *[]byte         `json:"command_bytes"`

	Snapshot *rowJSON   `json:"snapshot"`
	State    *stateJSON `json:"state"`
	Alarm    *alarmJSON `json:"alarm"`
	End      *Trailer   `json:"end"`
}

// rowJSON is what events, snapshots and states have in common.
type rowJSON struct {
	Stream    *message.Stream  `json:"stream"`
	Version   *message.Version `json:"version"`
	Schema    *int             `json:"schema_version"`
	Encoding  store.Encoding   `json:"encoding"`
	Data      json.RawMessage  `json:"data"`
	DataBytes *[]byte          `json:"data_bytes"`
}

type stateJSON struct {
	rowJSON
	Slot        *ring.Slot      `json:"slot"`
	Recent      json.RawMessage `json:"recent"`
	RecentBytes *[]byte         `json:"recent_bytes"`
}

type alarmJSON struct {
	ID           string          `json:"id"`
	Stream       message.Stream  `json:"stream"`
	Slot         *ring.Slot      `json:"slot"`
	DueAt        string          `json:"due_at"`
	Message      json.RawMessage `json:"message"`
	MessageBytes *[]byte         `json:"message_bytes"`
}

// headerBegins is how the first line begins.
const headerBegins = `{"ringhold_export":`

// decodeHeader reads the first line.
func decodeHeader(text []byte) (*Header, error) {
	if !bytes.HasPrefix(text, []byte(headerBegins)) {
		return nil, errors.New(`it is not the header {"ringhold_export":…} that ringhold export writes: to import lines of another event store, give --from lines`)
	}
	h := &Header{}
	if err := decodeStrictly(text, h); err != nil {
		return nil, err
	}
	if err := h.validate(); err != nil {
		return nil, err
	}
	again, err := headerLine(h)
	if err == nil && !bytes.Equal(again, text) {
		err = errChanged
	}
	return h, err
}

// errChanged says that a line means something, but is not what was written.
var errChanged = errors.New("it is not in the form in which ringhold export writes it: the file was changed")

// decodeLine reads a line behind the header.
func decodeLine(text []byte) (item, error) {
	var l lineJSON
	if err := decodeStrictly(text, &l); err != nil {
		return item{}, err
	}
	var it item
	var err error
	kinds := 0
	for _, k := range []struct {
		is   bool
		read func()
	}{
		{l.Snapshot != nil, func() { it.snapshot, err = l.Snapshot.snapshot() }},
		{l.State != nil, func() { it.state, err = l.State.state() }},
		{l.Alarm != nil, func() { it.alarm, err = l.Alarm.alarm() }},
		{l.End != nil, func() { it.end = l.End }},
		{l.Slot != nil || l.Stream != nil, func() { it.event, err = l.event() }},
	} {
		if k.is {
			kinds++
			k.read()
		}
	}
	if err == nil && kinds != 1 {
		err = errors.New("it is none of event, snapshot, state, alarm and end")
	}
	if err != nil {
		return item{}, err
	}
	again, err := appendItem(make([]byte, 0, len(text)), it)
	if err == nil && !bytes.Equal(again, text) {
		err = errChanged
	}
	return it, err
}

// decodeStrictly refuses what encoding/json would let pass: fields that are not
// known, something behind the object, and bytes that are not UTF-8, which it
// replaces.
func decodeStrictly(text []byte, v any) error {
	if !utf8.Valid(text) {
		return errors.New("it is not UTF-8: the line is damaged")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return explainJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind the JSON object")
	}
	return nil
}

func explainJSON(err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return fmt.Errorf("%s is a %s, which it cannot be", wrong.Field, wrong.Value)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON object has no end")
	}
	return fmt.Errorf("it is not the JSON that is expected: %w", err)
}

func (l *lineJSON) event() (*store.Event, error) {
	if err := missing("event",
		field{"slot", l.Slot == nil}, field{"offset", l.Offset == nil}, field{"epoch", l.Epoch == nil}, field{"type", l.Type == nil},
		field{"stream", l.Stream == nil}, field{"version", l.Version == nil}, field{"schema_version", l.Schema == nil}, field{"recorded_at", l.RecordedAt == ""}); err != nil {
		return nil, err
	}
	e := &store.Event{Slot: *l.Slot, Offset: *l.Offset, Epoch: *l.Epoch, Stream: *l.Stream, Version: *l.Version,
		Type: *l.Type, Schema: *l.Schema, Encoding: l.Encoding, MessageID: l.MessageID}
	var err error
	if e.RecordedAt, err = instant("recorded_at", l.RecordedAt); err != nil {
		return nil, err
	}
	if e.Data, err = either("data", l.Data, l.DataBytes); err != nil {
		return nil, err
	}
	if e.Metadata, err = either("metadata", l.Metadata, l.MetadataBytes); err != nil {
		return nil, err
	}
	command, err := either("command", l.Command, l.CommandBytes)
	if err != nil || command == nil {
		return e, err
	}
	if e.MessageID == "" {
		return nil, errors.New("command stands without message_id")
	}
	if e.Command, err = store.DecodeCommand(command); err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	return e, nil
}

func (r *rowJSON) snapshot() (*store.Snapshot, error) {
	if err := missing("snapshot", field{"stream", r.Stream == nil}, field{"version", r.Version == nil}, field{"schema_version", r.Schema == nil}); err != nil {
		return nil, err
	}
	data, err := either("data", r.Data, r.DataBytes)
	return &store.Snapshot{Stream: *r.Stream, Version: *r.Version, Schema: *r.Schema, Encoding: r.Encoding, Data: data}, err
}

func (s *stateJSON) state() (*store.State, error) {
	if err := missing("state", field{"stream", s.Stream == nil}, field{"slot", s.Slot == nil}, field{"version", s.Version == nil}, field{"schema_version", s.Schema == nil}); err != nil {
		return nil, err
	}
	data, err := either("data", s.Data, s.DataBytes)
	if err != nil {
		return nil, err
	}
	st := &store.State{Stream: *s.Stream, Slot: *s.Slot, Version: *s.Version, Schema: *s.Schema, Encoding: s.Encoding, Data: data}
	recent, err := either("recent", s.Recent, s.RecentBytes)
	if err == nil && recent != nil {
		if st.Recent, err = store.DecodeRecent(recent); err != nil {
			err = fmt.Errorf("recent: %w", err)
		}
	}
	return st, err
}

func (a *alarmJSON) alarm() (*store.Alarm, error) {
	if err := missing("alarm", field{"id", a.ID == ""}, field{"stream", a.Stream == ""}, field{"slot", a.Slot == nil}, field{"due_at", a.DueAt == ""}); err != nil {
		return nil, err
	}
	due, err := instant("due_at", a.DueAt)
	if err != nil {
		return nil, err
	}
	text, err := either("message", a.Message, a.MessageBytes)
	return &store.Alarm{ID: a.ID, Stream: a.Stream, Slot: *a.Slot, DueAt: due, Message: text}, err
}

type field struct {
	name   string
	absent bool
}

func missing(of string, fields ...field) error {
	for _, f := range fields {
		if f.absent {
			return fmt.Errorf("the %s has no %s", of, f.name)
		}
	}
	return nil
}

// either returns the bytes of name or of name_bytes, nil if neither is there.
func either(name string, raw json.RawMessage, in *[]byte) ([]byte, error) {
	switch {
	case raw != nil && in != nil:
		return nil, fmt.Errorf("%s and %s_bytes exclude each other", name, name)
	case in != nil:
		return *in, nil
	}
	return raw, nil
}

func instant(name, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, fmt.Errorf("%s is %q: write a time of RFC 3339, such as 2006-01-02T15:04:05.123456Z", name, text)
	}
	return t.UTC().Truncate(time.Microsecond), nil
}
