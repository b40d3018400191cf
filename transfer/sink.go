package transfer

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
)

// memberBytes is how much text a member of a gzip file holds: what an export
// that was broken off may have to write again. Tests make it small.
var memberBytes = 8 << 20

// sink takes whole lines. A gzip file is made of members, each of which holds
// whole lines and can be read by itself: an export goes on behind the last
// whole one.
type sink struct {
	out  *bufio.Writer
	zip  *gzip.Writer // nil: plain text
	open bool         // a member is begun
	size int          // its, of text
}

func newSink(w io.Writer, compressed bool) *sink {
	s := &sink{out: bufio.NewWriterSize(w, 64<<10)}
	if compressed {
		s.zip = gzip.NewWriter(s.out)
	}
	return s
}

// line writes a line, given without its end.
func (s *sink) line(text []byte) error {
	var w io.Writer = s.out
	if s.zip != nil {
		w = s.zip
		if !s.open {
			s.zip.Reset(s.out)
			s.open = true
		}
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if _, err := w.Write([]byte{'\n'}); err != nil {
		return err
	}
	if s.size += len(text) + 1; s.size >= memberBytes {
		return s.cut()
	}
	return nil
}

// cut makes what was written so far something to go on behind.
func (s *sink) cut() error {
	s.size = 0
	if s.open {
		s.open = false
		if err := s.zip.Close(); err != nil {
			return err
		}
	}
	return s.out.Flush()
}

// chunkReader reads a file that a sink wrote, up to where it was broken off.
type chunkReader struct {
	in    *bufio.Reader
	count *countingReader
	zip   *gzip.Reader // nil: plain text, or before the first member
	gz    bool
}

func newChunkReader(r io.Reader, compressed bool) *chunkReader {
	c := &countingReader{r: r}
	return &chunkReader{in: bufio.NewReaderSize(c, 64<<10), count: c, gz: compressed}
}

// next returns the next whole lines, each with its end, and the offset in the
// file behind them; io.EOF if there are no more, whatever stands there instead.
func (c *chunkReader) next() (text []byte, end int64, err error) {
	if c.gz {
		text, err = c.member()
	} else {
		text, err = c.in.ReadBytes('\n')
	}
	switch {
	case err == nil && len(text) > 0 && text[len(text)-1] != '\n':
		return nil, 0, errors.New("a part of the gzip file does not end with a line: ringhold export did not write it")
	case err == nil:
		return text, c.count.n - int64(c.in.Buffered()), nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum),
		errors.As(err, new(flate.CorruptInputError)):
		return nil, 0, io.EOF
	}
	return nil, 0, err
}

func (c *chunkReader) member() ([]byte, error) {
	var err error
	if c.zip == nil {
		c.zip, err = gzip.NewReader(c.in)
	} else {
		err = c.zip.Reset(c.in)
	}
	if err != nil {
		return nil, err
	}
	c.zip.Multistream(false)
	return io.ReadAll(c.zip)
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
