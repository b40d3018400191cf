package transfer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line, in bytes: the largest payloads in base64, and more.
const maxLine = 256 << 20

// lineReader reads whole lines of plain text, or of gzip, which its first bytes
// tell.
type lineReader struct {
	r      *bufio.Reader
	number int    // of the line read last, from 1
	broken string // what goes on with a file that ends in the middle of a line
	long   []byte
}

func newLineReader(r io.Reader) (*lineReader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	first, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.Equal(first, []byte{0x1f, 0x8b}) {
		text, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("it begins as gzip does, but: %w", err)
		}
		in = bufio.NewReaderSize(text, 64<<10)
	}
	return &lineReader{r: in, broken: "write the rest of it"}, nil
}

// next returns the next line without its end, valid until the next call; io.EOF
// behind the last one, and a *LineError for one that does not end.
func (l *lineReader) next() ([]byte, error) {
	l.number++
	l.long = l.long[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		switch {
		case err == nil && len(l.long) == 0:
			return part[:len(part)-1], nil
		case err == nil:
			l.long = append(l.long, part[:len(part)-1]...)
			return l.long, nil
		case errors.Is(err, bufio.ErrBufferFull) && len(l.long) < maxLine:
			l.long = append(l.long, part...)
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, l.fault(fmt.Errorf("it is longer than %d bytes", maxLine))
		case errors.Is(err, io.EOF) && len(part)+len(l.long) == 0:
			l.number--
			return nil, io.EOF
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, l.fault(errors.New("the file ends in the middle of it: " + l.broken))
		default:
			return nil, l.fault(err)
		}
	}
}

func (l *lineReader) fault(err error) error { return &LineError{Line: l.number, Err: err} }
