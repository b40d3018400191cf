package store

import (
	"bytes"
	"strconv"

	"github.com/ringhold/ringhold/internal/plainjson"
	"github.com/ringhold/ringhold/message"
)

// decodeOwn reads a command in exactly the form of appendCommand, without
// message_id. With encoding/json, which takes several times as long, it would be
// a third of the time of reading an event. Anything else is left to
// DecodeCommand; ok is false.
func decodeOwn(b []byte) (c *Command, ok bool) {
	s := scanner{rest: bytes.Clone(b)}
	c = &Command{}
	if !s.skip(`{"service":"`) {
		return nil, false
	}
	c.Service = message.ServiceName(s.until('"'))
	if !s.skip(`,"hash":"`) {
		return nil, false
	}
	if !decodeHash(c, s.until('"')) || !s.skip(`,"events":`) {
		return nil, false
	}
	events, err := strconv.Atoi(string(s.value()))
	if err != nil {
		return nil, false
	}
	c.Events = events
	if s.skip(`,"response":`) {
		c.Response = s.value()
	}
	if s.skip(`,"encoding":1`) {
		c.RequestEncoding = Proto
	}
	if s.skip(`,"request":`) {
		c.Request = s.value()
	}
	return c, !s.bad && string(s.rest) == "}"
}

// scanner walks over JSON that was valid when it was written.
type scanner struct {
	rest []byte
	bad  bool
}

func (s *scanner) skip(text string) bool {
	rest, ok := bytes.CutPrefix(s.rest, []byte(text))
	if ok {
		s.rest = rest
	}
	return ok
}

// until takes a string without escapes up to its end.
func (s *scanner) until(end byte) []byte {
	i := bytes.IndexByte(s.rest, end)
	if i < 0 || bytes.IndexByte(s.rest[:i], '\\') >= 0 {
		s.bad = true
		return nil
	}
	text := s.rest[:i]
	s.rest = s.rest[i+1:]
	return text
}

// value takes one value: up to a comma or a closing bracket outside of all
// brackets and strings that it opens.
func (s *scanner) value() []byte {
	depth := 0
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			i = s.endOfString(i)
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c == ',' || c == '}' || c == ']'):
			value := s.rest[:i:i]
			s.rest = s.rest[i:]
			s.bad = s.bad || len(value) == 0
			return value
		case c == '}' || c == ']':
			depth--
		}
	}
	s.bad = true
	return nil
}

// endOfString returns the index of the quote that ends the string at i, or that
// of the end of all.
func (s *scanner) endOfString(i int) int {
	for i++; i < len(s.rest); i++ {
		if i = plainjson.SkipUnescaped(s.rest, i); i >= len(s.rest) || s.rest[i] == '"' {
			break
		}
		if s.rest[i] == '\\' {
			i++
		}
	}
	return i
}
