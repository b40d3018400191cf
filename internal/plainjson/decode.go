package plainjson

import (
	"encoding/json"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
)

// Decode reads b into out, which is a zero value of the codec's type that can
// be set. false: encoding/json has to do it, into another zero value. It keeps
// nothing of b.
func (c *Codec) Decode(b []byte, out reflect.Value) bool {
	i, ok := c.root.decode(b, skipSpace(b, 0), out)
	return ok && skipSpace(b, i) == len(b)
}

// decode reads the value at i and returns the index behind it.
func (s *shape) decode(b []byte, i int, out reflect.Value) (int, bool) {
	if i >= len(b) {
		return 0, false
	}
	if b[i] == 'n' { // it changes nothing, but pointers and lists
		if len(b)-i < len("null") || string(b[i:i+len("null")]) != "null" {
			return 0, false
		}
		if s.form == pointer || s.form == list {
			out.SetZero()
		}
		return i + len("null"), true
	}
	switch s.form {
	case text:
		return decodeText(b, i, out)
	case boolean:
		for _, one := range [...]string{"true", "false"} {
			if len(b)-i >= len(one) && string(b[i:i+len(one)]) == one {
				out.SetBool(one == "true")
				return i + len(one), true
			}
		}
		return 0, false
	case integer, unsigned:
		return s.decodeInteger(b, i, out)
	case float:
		end, ok := skipNumber(b, i)
		if !ok {
			return 0, false
		}
		n, err := strconv.ParseFloat(string(b[i:end]), s.bits)
		if err != nil {
			return 0, false
		}
		out.SetFloat(n)
		return end, true
	case instant:
		end := SkipUnescaped(b, i+1)
		if b[i] != '"' || end >= len(b) || b[end] != '"' {
			return 0, false
		}
		return end + 1, out.Addr().Interface().(*time.Time).UnmarshalJSON(b[i:end+1]) == nil
	case pointer:
		if out.IsNil() {
			out.Set(reflect.New(s.goType.Elem()))
		}
		return s.elem.decode(b, i, out.Elem())
	case list:
		return s.decodeList(b, i, out)
	case object:
		return s.decodeObject(b, i, out)
	}
	return 0, false
}

func (s *shape) decodeObject(b []byte, i int, out reflect.Value) (int, bool) {
	if b[i] != '{' {
		return 0, false
	}
	if i = skipSpace(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1, true
	}
	for next := 0; ; {
		if i >= len(b) || b[i] != '"' {
			return 0, false
		}
		end := SkipUnescaped(b, i+1)
		if end >= len(b) || b[end] != '"' {
			return 0, false
		}
		at := s.find(b[i+1:end], next)
		if at < 0 {
			return 0, false
		}
		next = at + 1
		if i = skipSpace(b, end+1); i >= len(b) || b[i] != ':' {
			return 0, false
		}
		f := &s.fields[at]
		var ok bool
		if i, ok = f.shape.decode(b, skipSpace(b, i+1), out.Field(f.index)); !ok {
			return 0, false
		}
		if i, ok = more(b, i, '}'); !ok {
			return i, i > 0
		}
	}
}

// find returns the place of the field of a name, which most often is the next
// one; -1 if there is none.
func (s *shape) find(name []byte, next int) int {
	if next < len(s.fields) && s.fields[next].name == string(name) {
		return next
	}
	for i := range s.fields {
		if s.fields[i].name == string(name) {
			return i
		}
	}
	return -1
}

// more reports whether a comma follows, and where what is behind it begins.
// Otherwise i is the index behind the closing bracket, or 0 if there is none.
func more(b []byte, i int, closing byte) (next int, ok bool) {
	if i = skipSpace(b, i); i >= len(b) {
		return 0, false
	}
	switch b[i] {
	case ',':
		return skipSpace(b, i+1), true
	case closing:
		return i + 1, false
	}
	return 0, false
}

func (s *shape) decodeList(b []byte, i int, out reflect.Value) (int, bool) {
	if b[i] != '[' || !out.IsNil() { // a second one would be merged into the first
		return 0, false
	}
	if i = skipSpace(b, i+1); i < len(b) && b[i] == ']' {
		out.Set(reflect.MakeSlice(s.goType, 0, 0))
		return i + 1, true
	}
	for n := 0; ; n++ {
		if n == out.Cap() {
			out.Grow(1)
		}
		out.SetLen(n + 1)
		var ok bool
		if i, ok = s.elem.decode(b, i, out.Index(n)); !ok {
			return 0, false
		}
		if i, ok = more(b, i, ']'); !ok {
			return i, i > 0
		}
	}
}

// decodeInteger takes what surely fits into 64 bits.
func (s *shape) decodeInteger(b []byte, i int, out reflect.Value) (int, bool) {
	const maxDigits = 18
	negative := b[i] == '-'
	if negative {
		i++
	}
	end := SkipDigits(b, i)
	digits := end - i
	if digits == 0 || digits > maxDigits || b[i] == '0' && digits > 1 || negative && s.form == unsigned {
		return 0, false
	}
	n := int64(0)
	for ; i < end; i++ {
		n = 10*n + int64(b[i]-'0')
	}
	if s.form == unsigned {
		if out.OverflowUint(uint64(n)) {
			return 0, false
		}
		out.SetUint(uint64(n))
		return end, true
	}
	if negative {
		n = -n
	}
	if out.OverflowInt(n) {
		return 0, false
	}
	out.SetInt(n)
	return end, true
}

func decodeText(b []byte, i int, out reflect.Value) (int, bool) {
	if b[i] != '"' {
		return 0, false
	}
	start, escaped := i, false
	for i++; ; i++ {
		if i = SkipUnescaped(b, i); i >= len(b) {
			return 0, false
		}
		switch c := b[i]; {
		case c >= utf8.RuneSelf:
		case c == '\\':
			escaped = true
			i++
		case c != '"':
			return 0, false
		case escaped:
			var s string
			if json.Unmarshal(b[start:i+1], &s) != nil {
				return 0, false
			}
			out.SetString(s)
			return i + 1, true
		case !utf8.Valid(b[start+1 : i]):
			return 0, false
		default:
			out.SetString(string(b[start+1 : i]))
			return i + 1, true
		}
	}
}

// skipNumber returns the index behind the number at i.
func skipNumber(b []byte, i int) (end int, ok bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	start := i
	if i = SkipDigits(b, i); i == start || b[start] == '0' && i > start+1 {
		return 0, false
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = SkipDigits(b, start); i == start {
			return 0, false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		if i = SkipDigits(b, start); i == start {
			return 0, false
		}
	}
	return i, true
}
