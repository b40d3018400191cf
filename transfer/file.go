package transfer

import (
	"errors"
	"fmt"
	"io"

	"github.com/ringhold/ringhold/ring"
)

// fileReader reads a file that Export wrote, and checks it while it does.
type fileReader struct {
	lines  *lineReader
	header *Header
	check  *checker
	expect *expecting
	slot   ring.Slot // of the event read last
}

func newFileReader(r io.Reader, e Expect) (*fileReader, error) {
	lines, err := newLineReader(r)
	if err != nil {
		return nil, err
	}
	lines.broken = "`ringhold export --resume` goes on with such a file"
	text, err := lines.next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty: it has no header, and ringhold export writes one first")
	}
	if err != nil {
		return nil, err
	}
	h, err := decodeHeader(text)
	if err != nil {
		return nil, lines.fault(err)
	}
	return &fileReader{lines: lines, header: h, check: newChecker(h, text), expect: expect(e)}, nil
}

// next returns the next line; io.EOF behind the trailer, which was right then.
func (f *fileReader) next() (item, error) {
	text, err := f.lines.next()
	if errors.Is(err, io.EOF) {
		if f.check.ended {
			return item{}, io.EOF
		}
		return item{}, fmt.Errorf("the file ends behind line %d without {\"end\":…}: it is not whole; `ringhold export --resume` goes on with it", f.lines.number)
	}
	if err != nil {
		return item{}, err
	}
	it, err := decodeLine(text)
	if err == nil {
		err = f.check.check(it, text)
	}
	if err == nil {
		err = f.expected(it)
	}
	if err != nil {
		return item{}, f.lines.fault(err)
	}
	return it, nil
}

// expected holds a line that is right against what is expected of it.
func (f *fileReader) expected(it item) error {
	var err error
	switch {
	case it.event != nil:
		if it.event.Slot != f.slot { // its streams have ended
			f.slot = it.event.Slot
			f.expect.forget()
		}
		err = f.expect.event(it.event)
	case it.snapshot != nil:
		_, err = f.expect.stream(it.snapshot.Stream)
	case it.state != nil:
		_, err = f.expect.stream(it.state.Stream)
	case it.alarm != nil:
		_, err = f.expect.stream(it.alarm.Stream)
	}
	return err
}

// Summary is what a file or a log holds.
type Summary struct {
	Group string
	Slots int
	Trailer
}

// Check reads a whole file that Export wrote, and says what it holds or what is
// wrong with it. progress, which may be nil, is called now and then.
func Check(r io.Reader, expect Expect, progress Progress) (Summary, error) {
	f, err := newFileReader(r, expect)
	if err != nil {
		return Summary{}, err
	}
	for {
		_, err := f.next()
		if errors.Is(err, io.EOF) {
			return Summary{Group: f.header.Group, Slots: f.header.Slots, Trailer: f.check.trailer()}, nil
		}
		if err != nil {
			return Summary{}, err
		}
		progress.now(f.check.count.Events, f.header.Heads.events())
	}
}

// Progress is told how many events are done, of how many; 0 is not known. It is
// called often and has to return at once. nil is one that nobody listens to.
type Progress func(done, total int64)

func (p Progress) now(done, total int64) {
	if p != nil {
		p(done, total)
	}
}
