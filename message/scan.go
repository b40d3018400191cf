package message

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
)

// topLevel finds the value of a field of a valid JSON object without decoding
// the rest; start equals end if it has none of that name.
func topLevel(b []byte, name string) (start, end int) {
	for key, value := range fields(b) {
		if keyIs(b[key.start:key.end], name, false) {
			return value.start, value.end
		}
	}
	return 0, 0
}

// span is a range of bytes.
type span struct{ start, end int }

// fields yields the places of the quoted keys and of the values of a valid JSON
// object.
func fields(b []byte) iter.Seq2[span, span] {
	return func(yield func(key, value span) bool) {
		i := skipSpace(b, 1)
		for i < len(b) && b[i] == '"' {
			key := span{i, skipString(b, i)}
			i = skipSpace(b, key.end)
			i = skipSpace(b, i+1) // the colon
			value := span{i, skipValue(b, i)}
			if !yield(key, value) {
				return
			}
			i = skipSpace(b, value.end)
			if i < len(b) && b[i] == ',' {
				i = skipSpace(b, i+1)
			}
		}
	}
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
