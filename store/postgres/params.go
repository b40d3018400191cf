package postgres

import (
	"encoding/binary"
	"math"
	"time"
)

// The object ids of types, which are the same on every server
// (src/include/catalog/pg_type.dat).
const (
	oidBool        = 16
	oidBytea       = 17
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidTimestamptz = 1184
)

// params are the parameters of a statement in binary form, in one buffer that
// is used again. The binary form of an array is that of array_recv in the
// server's src/backend/utils/adt/arrayfuncs.c: the number of dimensions, whether
// there are nulls, the elements' type; for the one dimension its length and lower
// bound; then each element's length, -1 for a null, and its bytes. An array
// without elements has no dimension.
type params struct {
	buf    []byte
	starts []int
	nulls  []bool
	values [][]byte
	array  int // where the array's header begins
}

// keptBuffer bounds what is kept of one statement for the next ones.
const keptBuffer = 8 << 20

func (p *params) reset() {
	if cap(p.buf) > keptBuffer {
		p.buf = nil
	}
	p.buf, p.starts, p.nulls = p.buf[:0], p.starts[:0], p.nulls[:0]
}

// encoded returns the parameters, which are valid until the next reset.
func (p *params) encoded() [][]byte {
	p.values = p.values[:0]
	for i, from := range p.starts {
		to := len(p.buf)
		if i+1 < len(p.starts) {
			to = p.starts[i+1]
		}
		if p.nulls[i] {
			p.values = append(p.values, nil)
		} else {
			p.values = append(p.values, p.buf[from:to:to])
		}
	}
	return p.values
}

func (p *params) begin(null bool) {
	p.starts, p.nulls = append(p.starts, len(p.buf)), append(p.nulls, null)
}

func (p *params) null() { p.begin(true) }

func (p *params) text(s string) {
	p.begin(false)
	p.buf = append(p.buf, s...)
}

func (p *params) bytes(b []byte) {
	p.begin(false)
	p.buf = append(p.buf, b...)
}

func (p *params) int4(v int32) {
	p.begin(false)
	p.buf = binary.BigEndian.AppendUint32(p.buf, uint32(v)) //nolint:gosec // the bits are what is sent
}

func (p *params) int8(v int64) {
	p.begin(false)
	p.buf = binary.BigEndian.AppendUint64(p.buf, uint64(v)) //nolint:gosec // the bits are what is sent
}

func (p *params) bool(v bool) {
	p.begin(false)
	p.buf = append(p.buf, toByte(v))
}

func (p *params) time(t time.Time) { p.int8(toPostgres(t)) }

// list begins an array of n elements.
func (p *params) list(oid uint32, n int) {
	p.begin(false)
	p.array = len(p.buf)
	dimensions := uint32(min(n, 1)) //nolint:gosec // 0 or 1
	p.buf = binary.BigEndian.AppendUint32(p.buf, dimensions)
	p.buf = binary.BigEndian.AppendUint32(p.buf, 0)
	p.buf = binary.BigEndian.AppendUint32(p.buf, oid)
	if n > 0 {
		p.buf = binary.BigEndian.AppendUint32(p.buf, uint32(n)) //nolint:gosec // tooLarge bounds it
		p.buf = binary.BigEndian.AppendUint32(p.buf, 1)
	}
}

func (p *params) addNull() {
	binary.BigEndian.PutUint32(p.buf[p.array+4:], 1)
	p.buf = binary.BigEndian.AppendUint32(p.buf, math.MaxUint32)
}

func (p *params) addText(s string) {
	p.buf = binary.BigEndian.AppendUint32(p.buf, uint32(len(s))) //nolint:gosec // tooLarge bounds it
	p.buf = append(p.buf, s...)
}

// addBytes adds bytes that are never null: that is how erased rows are known.
func (p *params) addBytes(b []byte) {
	p.buf = binary.BigEndian.AppendUint32(p.buf, uint32(len(b))) //nolint:gosec // tooLarge bounds it
	p.buf = append(p.buf, b...)
}

// open begins an element whose bytes the caller appends to the buffer; close
// ends it.
func (p *params) open() (at int) {
	at = len(p.buf)
	p.buf = append(p.buf, 0, 0, 0, 0)
	return at
}

func (p *params) close(at int) {
	binary.BigEndian.PutUint32(p.buf[at:], uint32(len(p.buf)-at-4)) //nolint:gosec // tooLarge bounds it
}

func (p *params) addInt2(v int16) {
	p.buf = append(p.buf, 0, 0, 0, 2)
	p.buf = binary.BigEndian.AppendUint16(p.buf, uint16(v)) //nolint:gosec // the bits are what is sent
}

func (p *params) addInt4(v int32) {
	p.buf = append(p.buf, 0, 0, 0, 4)
	p.buf = binary.BigEndian.AppendUint32(p.buf, uint32(v)) //nolint:gosec // the bits are what is sent
}

func (p *params) addInt8(v int64) {
	p.buf = append(p.buf, 0, 0, 0, 8)
	p.buf = binary.BigEndian.AppendUint64(p.buf, uint64(v)) //nolint:gosec // the bits are what is sent
}

func (p *params) addBool(v bool) {
	p.buf = append(p.buf, 0, 0, 0, 1, toByte(v))
}

func toByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// tooLarge says that no server takes this: a value, and a message, has less
// than 1 GiB.
func (p *params) tooLarge() bool { return len(p.buf) > 1<<30-1<<16 }

// epoch2000 is PostgreSQL's, in microseconds since 1970.
const epoch2000 = 946_684_800_000_000

func toPostgres(t time.Time) int64 { return t.UnixMicro() - epoch2000 }

func fromPostgres(us int64) time.Time { return time.UnixMicro(us + epoch2000).UTC() }
