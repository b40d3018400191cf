package message

import (
	"bytes"
	"encoding/json"
	"strings"
)

// topLevel finds the value of a field of a valid JSON object without decoding
// the rest; start equals end if it has none of that name.
func topLevel(b []byte, name string) (start, end int) {
	c := fieldsOf(b)
	for key, value, ok := c.next(); ok; key, value, ok = c.next() {
		if keyIs(b[key.start:key.end], name, false) {
			return value.start, value.end
		}
	}
	return 0, 0
}

// span is a range of bytes.
type span struct{ start, end int }

// cursor goes through the fields of a valid JSON object. An iterator would move
// what its loop finds to the heap.
type cursor struct {
	b []byte
	i int
}

func fieldsOf(b []byte) cursor { return cursor{b, skipSpace(b, 1)} }

// next returns the places of the quoted key and of the value of the next field.
func (c *cursor) next() (key, value span, ok bool) {
	b := c.b
	if c.i >= len(b) || b[c.i] != '"' {
		return key, value, false
	}
	key = span{c.i, skipString(b, c.i)}
	i := skipSpace(b, key.end)
	i = skipSpace(b, i+1) // the colon
	value = span{i, skipValue(b, i)}
	i = skipSpace(b, value.end)
	if i < len(b) && b[i] == ',' {
		i = skipSpace(b, i+1)
	}
	c.i = i
	return key, value, true
}

func keyIs(quoted []byte, name string, anyCase bool) bool {
	inside := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inside, '\\') >= 0 {
		var s string
		if json.Unmarshal(quoted, &s) != nil {
			return false
		}
		return s == name || anyCase && strings.EqualFold(s, name)
	}
	return string(inside) == name || anyCase && bytes.EqualFold(inside, []byte(name))
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// trimSpace takes JSON's white space, and no other, away from both ends.
func trimSpace(b []byte) []byte {
	b = b[skipSpace(b, 0):]
	for len(b) > 0 && skipSpace(b, len(b)-1) == len(b) {
		b = b[:len(b)-1]
	}
	return b
}

// skipString returns the index behind the string that starts at i.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// skipValue returns the index behind the value that starts at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = skipString(b, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // the end of the object around a bare value
			}
			depth--
			if depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return len(b)
}
