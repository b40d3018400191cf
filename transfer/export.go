package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// page is how many events or rows are read at a time.
const page = 500

// Source is a store to export from.
type Source interface {
	store.Reader
	store.Exporter
}

// ExportConfig says what to export.
type ExportConfig struct {
	Group string
	Slots int
	// EventsOnly leaves out what is of one moment only while nobody writes:
	// snapshots, states and alarms.
	EventsOnly bool
	// Compress writes gzip.
	Compress bool
	Progress Progress
	// Confirm is asked before the file gets its end; an error leaves it without.
	// nil confirms.
	Confirm func(context.Context) error
}

// Export writes all that a store holds of a group. Events are those up to the
// heads at its beginning.
func Export(ctx context.Context, from Source, w io.Writer, cfg ExportConfig) (Summary, error) {
	heads, err := from.Heads(ctx)
	if err != nil {
		return Summary{}, err
	}
	h := &Header{Format: Format, Group: cfg.Group, Slots: cfg.Slots, EventsOnly: cfg.EventsOnly, Heads: heads}
	if err := h.validate(); err != nil {
		return Summary{}, err
	}
	text, err := headerLine(h)
	if err != nil {
		return Summary{}, err
	}
	x := &export{from: from, cfg: cfg, sink: newSink(w, cfg.Compress), check: newChecker(h, text)}
	if err := x.sink.line(text); err != nil {
		return Summary{}, err
	}
	return x.run(ctx)
}

// File is a file that an export goes on with.
type File interface {
	io.Reader
	io.Writer
	io.Seeker
	// Truncate cuts what stands behind a size, in bytes.
	Truncate(size int64) error
}

// ErrNothingToResume says that a file holds nothing to go on with: not even a
// whole header.
var ErrNothingToResume = errors.New("the file does not even have a whole header")

// Resume goes on with a file that an export of the same group began: behind the
// last event that is whole in it, up to the heads that its header names.
func Resume(ctx context.Context, from Source, f File, cfg ExportConfig) (Summary, error) {
	x := &export{from: from, cfg: cfg}
	last, end, err := x.reread(f)
	if err != nil {
		return Summary{}, err
	}
	h := x.check.header
	if h.Group != cfg.Group || h.Slots != cfg.Slots || h.EventsOnly != cfg.EventsOnly {
		return Summary{}, fmt.Errorf("the file is of group %s with %d slots (events only: %v), this export is of group %s with %d slots (events only: %v): write to another file", h.Group, h.Slots, h.EventsOnly, cfg.Group, cfg.Slots, cfg.EventsOnly)
	}
	if err := x.sameLog(ctx, last); err != nil {
		return Summary{}, err
	}
	if err := f.Truncate(end); err != nil {
		return Summary{}, err
	}
	if _, err := f.Seek(end, io.SeekStart); err != nil {
		return Summary{}, err
	}
	x.sink = newSink(f, cfg.Compress)
	return x.run(ctx)
}

// export is an export under way.
type export struct {
	from  Source
	cfg   ExportConfig
	sink  *sink
	check *checker // of the lines written so far
	buf   []byte
}

// reread takes the whole lines of header and events, and returns the last event
// and where they end.
func (x *export) reread(f File) (last *store.Event, end int64, err error) {
	chunks := newChunkReader(f, x.cfg.Compress)
	for number := 1; ; {
		text, at, err := chunks.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		for line := range bytes.Lines(text) {
			line = bytes.TrimSuffix(line, []byte{'\n'})
			it, err := x.take(line)
			if err != nil {
				return nil, 0, &LineError{Line: number, Err: fmt.Errorf("%w: an export cannot go on with this file, write to another one", err)}
			}
			if it.event == nil && number > 1 {
				return last, end, nil // the rows are written again
			}
			last = it.event
			number++
		}
		end = at
	}
	if x.check == nil {
		return nil, 0, x.nothing(f)
	}
	return last, end, nil
}

// nothing makes sure that a file that holds nothing whole is the beginning of an
// export, before somebody writes over it.
func (x *export) nothing(f File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	want := []byte(headerBegins)
	if x.cfg.Compress {
		want = []byte{0x1f, 0x8b}
	}
	got := make([]byte, len(want))
	n, err := io.ReadFull(f, got)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	begun := bytes.TrimRight(got[:n], "\x00") // what a machine that failed has not written
	if n > 0 && len(begun) == 0 || !bytes.Equal(begun, want[:len(begun)]) {
		return errors.New("it is not a file that ringhold export began: write to another file")
	}
	return ErrNothingToResume
}

// take checks a line of the file; rows are left alone.
func (x *export) take(line []byte) (item, error) {
	if x.check == nil {
		h, err := decodeHeader(line)
		if err == nil {
			x.check = newChecker(h, line)
		}
		return item{}, err
	}
	it, err := decodeLine(line)
	if err == nil && it.event != nil {
		err = x.check.check(it, line)
	}
	return it, err
}

// sameLog makes sure that the store still is the one of the file: it goes on to
// the heads of the header, and has the last event that the file has.
func (x *export) sameLog(ctx context.Context, last *store.Event) error {
	heads := x.check.header.Heads
	if last != nil {
		heads = append(Heads{{Slot: last.Slot, Head: store.Head{Offset: last.Offset, Epoch: last.Epoch}}}, heads...)
	}
	for i, h := range heads {
		events, err := x.from.ReadSlot(ctx, h.Slot, h.Head.Offset, 1)
		if err != nil {
			return err
		}
		if len(events) == 0 || events[0].Offset != h.Head.Offset || events[0].Epoch != h.Head.Epoch || i == 0 && last != nil && !sameEvent(&events[0], last) {
			return fmt.Errorf("offset %d of slot %d is not in the store as it is in the file: it is of another store, or of another life of this one; write to another file", h.Head.Offset, h.Slot)
		}
	}
	return nil
}

// run writes what the file does not have yet.
func (x *export) run(ctx context.Context) (Summary, error) {
	if err := x.events(ctx); err != nil {
		return Summary{}, err
	}
	if err := x.sink.cut(); err != nil {
		return Summary{}, err
	}
	if !x.cfg.EventsOnly {
		if err := x.rows(ctx); err != nil {
			return Summary{}, err
		}
	}
	if x.cfg.Confirm != nil {
		if err := x.cfg.Confirm(ctx); err != nil {
			return Summary{}, err
		}
	}
	t := x.check.trailer()
	if err := x.sink.line(appendTrailer(nil, &t)); err != nil {
		return Summary{}, err
	}
	return Summary{Group: x.check.header.Group, Slots: x.check.header.Slots, Trailer: t}, x.sink.cut()
}

func (x *export) events(ctx context.Context) error {
	total := x.check.header.Heads.events()
	x.cfg.Progress.now(x.check.count.Events, total)
	for _, h := range x.check.header.Heads[x.check.head:] {
		from := store.Offset(0)
		if x.check.at.Slot == h.Slot {
			from = x.check.at.Head.Offset + 1
		}
		err := eachEvent(ctx, x.from, h.Slot, from, h.Head.Offset, func(e *store.Event) error {
			if err := x.event(e); err != nil {
				return fmt.Errorf("offset %d of slot %d: %w", e.Offset, e.Slot, err)
			}
			x.cfg.Progress.now(x.check.count.Events, total)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// event writes an event. What a reader of the file would refuse is refused here:
// a store that holds it is damaged.
func (x *export) event(e *store.Event) (err error) {
	if x.buf, err = appendEvent(x.buf[:0], e); err != nil {
		return err
	}
	if err := x.check.check(item{event: e}, x.buf); err != nil {
		return err
	}
	return x.sink.line(x.buf)
}

// eachEvent reads a slot's log from one offset to another.
func eachEvent(ctx context.Context, r store.Reader, slot ring.Slot, from, to store.Offset, do func(*store.Event) error) error {
	for from <= to {
		events, err := r.ReadSlot(ctx, slot, from, int(min(page, to-from+1)))
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return fmt.Errorf("slot %d has no event at offset %d, though its log goes on to %d: the store is damaged, or another process deleted rows", slot, from, to)
		}
		for i := range events {
			if err := do(&events[i]); err != nil {
				return err
			}
		}
		from = events[len(events)-1].Offset + 1
	}
	return nil
}

// HashStore reads the log of a store up to where it ends now, and returns its
// hash.
func HashStore(ctx context.Context, from Source, progress Progress) (*LogHash, error) {
	heads, err := from.Heads(ctx)
	if err != nil {
		return nil, err
	}
	h, total := NewLogHash(), Heads(heads).events()
	for _, s := range heads {
		next := store.Offset(0)
		err := eachEvent(ctx, from, s.Slot, 0, s.Head.Offset, func(e *store.Event) error {
			if e.Offset != next {
				return fmt.Errorf("slot %d has offset %d behind %d: the store is damaged", e.Slot, e.Offset, next-1)
			}
			next++
			h.Add(e)
			progress.now(h.Events(), total)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return h, nil
}

func headerLine(h *Header) ([]byte, error) {
	var out bytes.Buffer
	e := newEncoder(&out)
	err := e.Encode(h)
	return bytes.TrimRight(out.Bytes(), "\n"), err
}
