package transfer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/ringhold/ringhold/store"
)

// timeForm is RFC 3339 with the microseconds that stores keep.
const timeForm = "2006-01-02T15:04:05.000000Z07:00"

// appendItem writes a line, without its end.
func appendItem(b []byte, it item) ([]byte, error) {
	switch {
	case it.event != nil:
		return appendEvent(b, it.event)
	case it.snapshot != nil:
		return appendSnapshot(b, it.snapshot), nil
	case it.state != nil:
		return appendState(b, it.state), nil
	case it.alarm != nil:
		return appendAlarm(b, it.alarm), nil
	}
	return appendTrailer(b, it.end), nil
}

// appendEvent writes an event as {"slot":…}, without the line's end. The names
// of its fields are those of lineJSON.
func appendEvent(b []byte, e *store.Event) ([]byte, error) {
	for _, s := range []string{string(e.Stream), e.Type, string(e.MessageID)} {
		if !utf8.ValidString(s) {
			return nil, fmt.Errorf("the event at offset %d of slot %d holds %q, which is not UTF-8", e.Offset, e.Slot, s)
		}
	}
	b = append(b, `{"slot":`...)
	b = strconv.AppendUint(b, uint64(e.Slot), 10)
	b = integer(b, "offset", int64(e.Offset))
	b = integer(b, "epoch", int64(e.Epoch))
	b = quoted(b, "stream", string(e.Stream))
	b = integer(b, "version", int64(e.Version))
	b = quoted(b, "type", e.Type)
	b = integer(b, "schema_version", int64(e.Schema))
	b = moment(b, "recorded_at", e.RecordedAt)
	if !blank(e) {
		b = encoded(b, "data", e.Encoding, e.Data)
		b = payload(b, "metadata", e.Metadata)
	} else if e.Encoding != store.JSON {
		b = integer(b, "encoding", int64(e.Encoding))
	}
	if e.MessageID != "" {
		b = quoted(b, "message_id", string(e.MessageID))
	}
	if e.Command != nil {
		b = payload(b, "command", store.EncodeCommand(e.Command))
	}
	return append(b, '}'), nil
}

// blank reports whether an event holds nothing, as those of an erased stream.
// Stores do not all tell nil from empty; files say only this.
func blank(e *store.Event) bool { return len(e.Data) == 0 && len(e.Metadata) == 0 && e.Command == nil }

func appendSnapshot(b []byte, s *store.Snapshot) []byte {
	b = append(b, `{"snapshot":{"stream":`...)
	b = appendQuoted(b, string(s.Stream))
	b = integer(b, "version", int64(s.Version))
	b = integer(b, "schema_version", int64(s.Schema))
	b = encoded(b, "data", s.Encoding, s.Data)
	return append(b, "}}"...)
}

func appendState(b []byte, s *store.State) []byte {
	b = append(b, `{"state":{"stream":`...)
	b = appendQuoted(b, string(s.Stream))
	b = integer(b, "slot", int64(s.Slot))
	b = integer(b, "version", int64(s.Version))
	b = integer(b, "schema_version", int64(s.Schema))
	b = encoded(b, "data", s.Encoding, s.Data)
	b = payload(b, "recent", store.EncodeRecent(s.Recent))
	return append(b, "}}"...)
}

func appendAlarm(b []byte, a *store.Alarm) []byte {
	b = append(b, `{"alarm":{"id":`...)
	b = appendQuoted(b, a.ID)
	b = quoted(b, "stream", string(a.Stream))
	b = integer(b, "slot", int64(a.Slot))
	b = moment(b, "due_at", a.DueAt)
	b = payload(b, "message", a.Message)
	return append(b, "}}"...)
}

func appendTrailer(b []byte, t *Trailer) []byte {
	text, _ := json.Marshal(t) // numbers and strings always have a JSON form
	b = append(b, `{"end":`...)
	b = append(b, text...)
	return append(b, '}')
}

// encoded writes a payload whose encoding is said unless it is JSON.
func encoded(b []byte, name string, enc store.Encoding, data []byte) []byte {
	if enc == store.JSON {
		return payload(b, name, data)
	}
	b = integer(b, "encoding", int64(enc))
	return base64(b, name, data)
}

// payload writes JSON as it is where the line's reader gets the same bytes back,
// else base64.
func payload(b []byte, name string, data []byte) []byte {
	if !fits(data) {
		return base64(b, name, data)
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return append(b, data...)
}

// fits reports whether data is one JSON value in UTF-8, on one line and without
// white space around it.
func fits(data []byte) bool {
	return len(data) > 0 && !bytes.ContainsAny(data, "\n\r") && len(bytes.TrimSpace(data)) == len(data) && utf8.Valid(data) && json.Valid(data)
}

func base64(b []byte, name string, data []byte) []byte {
	if data == nil {
		data = []byte{} // whose JSON is no null
	}
	text, _ := json.Marshal(data) // a []byte always has a JSON form
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, `_bytes":`...)
	return append(b, text...)
}

func integer(b []byte, name string, n int64) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return strconv.AppendInt(b, n, 10)
}

func quoted(b []byte, name, s string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return appendQuoted(b, s)
}

func moment(b []byte, name string, t time.Time) []byte {
	return quoted(b, name, t.UTC().Format(timeForm))
}

// appendQuoted writes a JSON string in which '<' stays '<', for people.
func appendQuoted(b []byte, s string) []byte {
	var out bytes.Buffer
	_ = newEncoder(&out).Encode(s) // a string always has a JSON form
	return append(b, bytes.TrimRight(out.Bytes(), "\n")...)
}

func newEncoder(out *bytes.Buffer) *json.Encoder {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e
}
