package plainjson

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"time"
)

// Append appends the JSON of v, a value of the codec's type. false: encoding/json
// has to do it, and what was appended is worthless.
func (c *Codec) Append(b []byte, v reflect.Value) ([]byte, bool) { return c.root.append(b, v) }

func (s *shape) append(b []byte, v reflect.Value) ([]byte, bool) {
	switch s.form {
	case text:
		return AppendString(b, v.String()), true
	case boolean:
		return strconv.AppendBool(b, v.Bool()), true
	case integer:
		return strconv.AppendInt(b, v.Int(), 10), true
	case unsigned:
		return strconv.AppendUint(b, v.Uint(), 10), true
	case float:
		return appendFloat(b, v.Float(), s.bits)
	case instant:
		at, err := v.Interface().(time.Time).MarshalJSON()
		return append(b, at...), err == nil
	case pointer:
		if v.IsNil() {
			return append(b, "null"...), true
		}
		return s.elem.append(b, v.Elem())
	case list:
		return s.appendList(b, v)
	case object:
		return s.appendObject(b, v)
	}
	return b, false
}

func (s *shape) appendList(b []byte, v reflect.Value) (_ []byte, ok bool) {
	if v.IsNil() {
		return append(b, "null"...), true
	}
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		if b, ok = s.elem.append(b, v.Index(i)); !ok {
			return b, false
		}
	}
	return append(b, ']'), true
}

func (s *shape) appendObject(b []byte, v reflect.Value) (_ []byte, ok bool) {
	b = append(b, '{')
	first := true
	for i := range s.fields {
		f := &s.fields[i]
		value := v.Field(f.index)
		if f.omitEmpty && f.shape.isEmpty(value) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, f.key...)
		if b, ok = f.shape.append(b, value); !ok {
			return b, false
		}
	}
	return append(b, '}'), true
}

// isEmpty is what omitempty means by it.
func (s *shape) isEmpty(v reflect.Value) bool {
	switch s.form {
	case list:
		return v.Len() == 0
	case object, instant:
		return false
	case text, boolean, integer, unsigned, float, pointer:
	}
	return v.IsZero()
}

// AppendString appends s as encoding/json writes it: with <, > and & escaped.
func AppendString(b []byte, s string) []byte {
	for i := range len(s) {
		if !isSafe[s[i]] {
			quoted, _ := json.Marshal(s) // a string always has a JSON form
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// isSafe are the bytes that encoding/json writes as they are.
var isSafe = func() (safe [256]bool) {
	for c := ' '; c < 0x80; c++ {
		safe[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return safe
}()

// appendFloat writes as ES6 does, which is what encoding/json does.
func appendFloat(b []byte, f float64, bits int) ([]byte, bool) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return b, false
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 {
		small, large := abs < 1e-6, abs >= 1e21
		if bits == 32 {
			small, large = float32(abs) < 1e-6, float32(abs) >= 1e21
		}
		if small || large {
			format = 'e'
		}
	}
	b = strconv.AppendFloat(b, f, format, -1, bits)
	if n := len(b); format == 'e' && n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
		b[n-2] = b[n-1] // e-09 to e-9
		b = b[:n-1]
	}
	return b, true
}
