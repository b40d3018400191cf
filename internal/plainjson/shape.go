package plainjson

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Codec reads and writes values of one type. It is safe for concurrent use.
type Codec struct{ root *shape }

// For returns the codec of a type, or nil if the type is not plain.
func For(t reflect.Type) *Codec {
	s := shapeOf(t, nil)
	if s == nil {
		return nil
	}
	return &Codec{root: s}
}

// form is what a type looks like in JSON.
type form int8

const (
	text form = iota
	boolean
	integer
	unsigned
	float
	instant // a time.Time
	pointer
	list
	object
)

type shape struct {
	form   form
	bits   int     // of numbers
	elem   *shape  // of pointers and lists
	fields []field // of objects
	goType reflect.Type
}

type field struct {
	name      string
	key       string // as it is written: quoted, with the colon
	index     int
	omitEmpty bool
	shape     *shape
}

var (
	timeType   = reflect.TypeFor[time.Time]()
	ownMethods = []reflect.Type{
		reflect.TypeFor[json.Marshaler](), reflect.TypeFor[json.Unmarshaler](),
		reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	}
)

// shapeOf returns the shape of a type, or nil. within are the types around it:
// one that holds itself is not plain, since its documents have any depth.
func shapeOf(t reflect.Type, within []reflect.Type) *shape {
	if t == timeType {
		return &shape{form: instant, goType: t}
	}
	if slices.Contains(within, t) || t == reflect.TypeFor[json.Number]() || hasOwnForm(t) {
		return nil
	}
	within = append(within[:len(within):len(within)], t)
	s := &shape{goType: t}
	switch t.Kind() {
	case reflect.String:
		s.form = text
	case reflect.Bool:
		s.form = boolean
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.form, s.bits = integer, t.Bits()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		s.form, s.bits = unsigned, t.Bits()
	case reflect.Float32, reflect.Float64:
		s.form, s.bits = float, t.Bits()
	case reflect.Pointer:
		s.form, s.elem = pointer, shapeOf(t.Elem(), within)
		if s.elem == nil {
			return nil
		}
	case reflect.Slice:
		s.form, s.elem = list, shapeOf(t.Elem(), within)
		if s.elem == nil || t.Elem().Kind() == reflect.Uint8 { // bytes are in base64
			return nil
		}
	case reflect.Struct:
		s.form = object
		if !s.addFields(t, within) {
			return nil
		}
	default:
		return nil
	}
	return s
}

// hasOwnForm reports whether a type says itself how it looks in JSON.
func hasOwnForm(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		if t.Elem() == timeType {
			return false
		}
	} else {
		t = reflect.PointerTo(t) // its methods are those of both
	}
	return slices.ContainsFunc(ownMethods, t.Implements)
}

func (s *shape) addFields(t reflect.Type, within []reflect.Type) bool {
	seen := map[string]bool{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if f.Anonymous {
			return false
		}
		if !f.IsExported() || tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if name == "" {
			name = f.Name
		}
		if !isPlainName(name) || seen[name] || options != "" && options != "omitempty" {
			return false
		}
		seen[name] = true
		shape := shapeOf(f.Type, within)
		if shape == nil {
			return false
		}
		s.fields = append(s.fields, field{name: name, key: `"` + name + `":`, index: i, omitEmpty: options != "", shape: shape})
	}
	return true
}

func isPlainName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.':
		default:
			return false
		}
	}
	return name != ""
}
