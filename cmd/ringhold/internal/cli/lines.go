package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
)

// maxLine bounds a line, in bytes: a request of the largest size that servers
// take by default, and room for what stands beside it.
const maxLine = client.DefaultMaxMessageBytes + 256<<10

// line is one line of a file of messages.
type line struct {
	number int // from 1
	text   []byte
}

// lineError says what is wrong with a line.
type lineError struct {
	number int
	err    error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.number, e.err) }

func (e *lineError) Unwrap() error { return e.err }

// lineReader reads lines that are not empty.
type lineReader struct {
	scanner *bufio.Scanner
	number  int
	over    bool
}

// newLineReader reads plain text, or gzip, which its first bytes tell.
func newLineReader(r io.Reader) (*lineReader, error) {
	buffered := bufio.NewReader(r)
	first, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var text io.Reader = buffered
	if bytes.Equal(first, []byte{0x1f, 0x8b}) {
		if text, err = gzip.NewReader(buffered); err != nil {
			return nil, fmt.Errorf("it begins as gzip does, but: %w", err)
		}
	}
	s := bufio.NewScanner(text)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	return &lineReader{scanner: s}, nil
}

// next returns the next line, io.EOF behind the last one, or a *lineError.
func (r *lineReader) next() (line, error) {
	for r.scanner.Scan() {
		r.number++
		text := r.scanner.Bytes()
		if r.number == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // as some editors begin files
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			return line{number: r.number, text: bytes.Clone(text)}, nil
		}
	}
	r.over = true
	err := r.scanner.Err()
	switch {
	case err == nil:
		return line{}, io.EOF
	case errors.Is(err, bufio.ErrTooLong):
		err = fmt.Errorf("is longer than %d bytes", maxLine)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("the compressed file ends here, before its end")
	case errors.Is(err, gzip.ErrChecksum):
		err = errors.New("the compressed file is damaged: its checksum is wrong")
	}
	return line{}, &lineError{r.number + 1, err}
}

// ended reports whether nothing can be read any more.
func (r *lineReader) ended() bool { return r.over }

// lineJSON is a message as a line has it.
type lineJSON struct {
	Service       message.ServiceName `json:"service"`
	ID            *message.ID         `json:"id"`
	RawRequest    json.RawMessage     `json:"raw_request"`
	Expected      *message.Version    `json:"expected_version"`
	CorrelationID *message.ID         `json:"correlation_id"`
	CausationID   *message.ID         `json:"causation_id"`
	LogAttributes map[string]string   `json:"log_attributes"`
}

// item reads a message; service is that of lines that name none. Its tag is the
// line's number.
func (l line) item(service message.ServiceName, keys keys) (client.Item, error) {
	in := lineJSON{Service: service}
	d := json.NewDecoder(bytes.NewReader(l.text))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return client.Item{}, &lineError{l.number, lineFault(err)}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return client.Item{}, &lineError{l.number, errors.New("there is more behind the JSON object: write one message a line")}
	}
	if err := twice(l.text); err != nil {
		return client.Item{}, &lineError{l.number, err}
	}
	body, err := in.check()
	if err != nil {
		return client.Item{}, &lineError{l.number, err}
	}
	item := client.Item{
		Service: in.Service, Tag: l.number, Key: keys.of(in.Service, body),
		Options: client.DispatchOptions{
			MessageID: given(in.ID), CorrelationID: given(in.CorrelationID), CausationID: given(in.CausationID),
			ExpectedVersion: in.Expected, LogAttributes: in.LogAttributes,
		},
	}
	if !body.IsZero() {
		item.Request = json.RawMessage(body.JSON())
	}
	return item, nil
}

// lineFault says what to write instead.
func lineFault(err error) error {
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("is not valid JSON: %w at byte %d", syntax, syntax.Offset)
	case errors.As(err, &wrongType) && wrongType.Field == "":
		return fmt.Errorf("is a JSON %s: write an object, such as {\"service\":\"deposit\",\"id\":\"m-1\",\"raw_request\":{}}", wrongType.Value)
	case errors.As(err, &wrongType):
		return fmt.Errorf("%s: a JSON %s cannot stand there", wrongType.Field, wrongType.Value)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("is not valid JSON: it ends too early")
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return fmt.Errorf("%s: a message has service, id, raw_request, expected_version, correlation_id, causation_id and log_attributes",
			strings.TrimPrefix(err.Error(), "json: "))
	}
	return err
}

// keys tells, by service, which field of the request names the aggregate.
type keys map[message.ServiceName]struct {
	stream message.StreamName
	field  string
}

func newKeys(services []client.Service) keys {
	out := keys{}
	for _, s := range services {
		if s.Stream != "" {
			out[s.Name] = struct {
				stream message.StreamName
				field  string
			}{s.Stream, s.IDField}
		}
	}
	return out
}

// of returns the key of the aggregate that a request is for; empty if it names
// none, or is for an unknown service.
func (k keys) of(service message.ServiceName, body message.Body) string {
	field, known := k[service]
	if !known {
		return ""
	}
	value, found, err := body.Field(field.field)
	if err != nil || !found {
		return ""
	}
	id, err := message.IDFrom(value)
	if err != nil || id == "" {
		return ""
	}
	return string(field.stream.Of(id))
}

// countingReader counts what was read. The count may be read at any time.
type countingReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
