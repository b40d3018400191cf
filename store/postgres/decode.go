package postgres

import (
	"encoding/binary"
	"fmt"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

func getInt2(b []byte) int16 { return int16(binary.BigEndian.Uint16(b)) } //nolint:gosec // the bits are what was sent
func getInt4(b []byte) int32 { return int32(binary.BigEndian.Uint32(b)) } //nolint:gosec // the bits are what was sent
func getInt8(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) } //nolint:gosec // the bits are what was sent

// clone copies bytes out of the connection's buffer; nil stays nil.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

// decoder makes events of rows. What it copies out of the connection's buffer
// stands in chunks that the events share; each owns its own part.
type decoder struct {
	chunk []byte
	types map[string]string
	last  message.Stream
}

const chunkSize = 32 << 10

// bytes copies b; nil stays nil.
func (d *decoder) bytes(b []byte) []byte {
	switch {
	case b == nil:
		return nil
	case len(b) > chunkSize/4:
		return clone(b)
	case len(d.chunk)+len(b) > cap(d.chunk):
		d.chunk = make([]byte, 0, chunkSize)
	}
	from := len(d.chunk)
	d.chunk = append(d.chunk, b...)
	return d.chunk[from:len(d.chunk):len(d.chunk)]
}

// kind returns one string for each type, of which there are few.
func (d *decoder) kind(b []byte) string {
	if t, ok := d.types[string(b)]; ok {
		return t
	}
	if d.types == nil {
		d.types = map[string]string{}
	}
	t := string(b)
	d.types[t] = t
	return t
}

// event reads the columns of eventColumns; of a stream that is known already,
// its name is not made anew.
func (d *decoder) event(v [][]byte, known message.Stream) (e store.Event, err error) {
	if known == "" {
		if string(v[0]) != string(d.last) {
			d.last = message.Stream(v[0])
		}
		known = d.last
	}
	e = store.Event{
		Stream: known, Version: message.Version(getInt8(v[1])), Slot: ring.Slot(getInt4(v[2])), Offset: store.Offset(getInt8(v[3])),
		Epoch: store.Epoch(getInt8(v[4])), Type: d.kind(v[5]), Schema: int(getInt4(v[6])), Encoding: store.Encoding(getInt2(v[7])),
		Data: d.bytes(v[8]), Metadata: d.bytes(v[9]), RecordedAt: fromPostgres(getInt8(v[12])),
	}
	if v[10] != nil {
		e.MessageID = message.ID(v[10])
	}
	if v[11] != nil {
		if e.Command, err = store.DecodeCommand(v[11]); err != nil {
			err = fmt.Errorf("event %d of stream %q: %w", e.Version, e.Stream, err)
		}
	}
	return e, err
}
