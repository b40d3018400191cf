package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash"
	"unicode/utf8"

	"github.com/ringhold/ringhold/store"
)

// logPreamble begins what is hashed: another form will have another one.
const logPreamble = "ringhold log 1\n"

// LogHash is the hash of a group's log in the making. It is for one goroutine.
type LogHash struct {
	h      hash.Hash
	buf    []byte
	events int64
}

// NewLogHash returns the hash of a log without events.
func NewLogHash() *LogHash {
	h := sha256.New()
	h.Write([]byte(logPreamble))
	return &LogHash{h: h}
}

// Add adds the next event, in the order of (slot, offset).
func (l *LogHash) Add(e *store.Event) {
	l.buf = canonical(l.buf[:0], e)
	l.h.Write(l.buf)
	l.events++
}

// Events is how many events were added.
func (l *LogHash) Events() int64 { return l.events }

// Sum is the hash so far, in hexadecimal.
func (l *LogHash) Sum() string { return hex.EncodeToString(l.h.Sum(nil)) }

// canonical appends the form of an event that is hashed: numbers as 8 bytes,
// big-endian; text and bytes behind their length as such a number; what may be
// absent behind a byte that is 1 if it is there, else 0.
//
//	slot offset epoch stream version type schema_version encoding data metadata
//	recorded_at message_id command?
//	command: service hash events request? response
//	request: encoding bytes
//
// recorded_at counts microseconds since 1970. Bytes that are absent and bytes
// that are empty are the same, but for requests. JSON of a command loses the
// white space around it, which stores do not keep. A command that is absent
// beside its message id was blanked.
func canonical(b []byte, e *store.Event) []byte {
	b = number(b, int64(e.Slot))
	b = number(b, int64(e.Offset))
	b = number(b, int64(e.Epoch))
	b = text(b, e.Stream)
	b = number(b, int64(e.Version))
	b = text(b, e.Type)
	b = number(b, int64(e.Schema))
	b = number(b, int64(e.Encoding))
	b = text(b, e.Data)
	b = text(b, e.Metadata)
	b = number(b, e.RecordedAt.UnixMicro())
	b = text(b, e.MessageID)
	c := e.Command
	if c == nil {
		return append(b, 0)
	}
	b = append(b, 1)
	b = text(b, c.Service)
	b = append(b, c.Hash[:]...)
	b = number(b, int64(c.Events))
	if c.Request == nil {
		b = append(b, 0)
	} else {
		b = append(b, 1)
		b = number(b, int64(c.RequestEncoding))
		b = text(b, trimmed(c.Request))
	}
	return text(b, trimmed(c.Response))
}

// sameEvent compares what is hashed of two events.
func sameEvent(a, b *store.Event) bool {
	return bytes.Equal(canonical(nil, a), canonical(nil, b))
}

func number(b []byte, n int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }

func text[T ~string | ~[]byte](b []byte, s T) []byte {
	b = number(b, int64(len(s)))
	return append(b, s...)
}

// trimmed is a request or a response as every store keeps it.
func trimmed(b []byte) []byte {
	if utf8.Valid(b) && json.Valid(b) {
		return bytes.TrimSpace(b)
	}
	return b
}
