package jsonschema

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"google.golang.org/protobuf/proto"
)

// Of returns the schema of what JSON is read into a value of type t: a Go type,
// or a pointer to a protobuf message.
func Of(t reflect.Type) json.RawMessage {
	if m, ok := protoMessage(t); ok {
		return ofMessage(m.ProtoReflect().Descriptor())
	}
	g := &goTypes{refs: map[reflect.Type]string{}, taken: map[string]bool{}}
	t = pointee(t)
	if t.Kind() == reflect.Struct && !opaque(t) {
		g.refs[t] = "#"
		root := g.object(t)
		return finish(root, &g.defs)
	}
	return finish(g.of(t), &g.defs)
}

// goTypes describes Go types. Named structs become definitions, so that a type
// may hold itself.
type goTypes struct {
	defs  ordered
	refs  map[reflect.Type]string
	taken map[string]bool
}

var (
	timeType        = reflect.TypeFor[time.Time]()
	durationType    = reflect.TypeFor[time.Duration]()
	rawType         = reflect.TypeFor[json.RawMessage]()
	numberType      = reflect.TypeFor[json.Number]()
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	messageType     = reflect.TypeFor[proto.Message]()
)

func (g *goTypes) of(t reflect.Type) *node {
	if m, ok := protoMessage(t); ok {
		// encoding/json, not protojson, reads a message inside a Go struct.
		return &node{Type: "object", Description: "the Go form of " + string(m.ProtoReflect().Descriptor().FullName())}
	}
	t = pointee(t)
	switch {
	case t == timeType:
		return &node{Type: "string", Format: "date-time"}
	case t == durationType:
		return &node{Type: "integer", Description: "nanoseconds"}
	case t == rawType:
		return &node{}
	case t == numberType:
		return &node{Type: "number"}
	case reflect.PointerTo(t).Implements(jsonUnmarshaler):
		return &node{}
	case reflect.PointerTo(t).Implements(textUnmarshaler):
		return &node{Type: "string"}
	}
	switch t.Kind() {
	case reflect.Bool:
		return &node{Type: "boolean"}
	case reflect.String:
		return &node{Type: "string"}
	case reflect.Float32, reflect.Float64:
		return &node{Type: "number"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 && !opaque(t.Elem()) {
			return &node{Type: "string", Encoding: "base64"}
		}
		return &node{Type: "array", Items: g.of(t.Elem())}
	case reflect.Array:
		return &node{Type: "array", Items: g.of(t.Elem())}
	case reflect.Map:
		return &node{Type: "object", Values: g.of(t.Elem())}
	case reflect.Struct:
		return g.structure(t)
	default:
		if isInteger(t.Kind()) {
			return integer(t)
		}
		return &node{} // an interface: anything
	}
}

// structure refers to the definition of a named struct, which it makes first if
// there is none; a struct without a name stands where it is used.
func (g *goTypes) structure(t reflect.Type) *node {
	if t.Name() == "" {
		return g.object(t)
	}
	ref, known := g.refs[t]
	if !known {
		name := t.Name()
		for n := 2; g.taken[name]; n++ {
			name = fmt.Sprintf("%s%d", t.Name(), n)
		}
		g.taken[name] = true
		ref = "#/$defs/" + escapePointer(name)
		g.refs[t] = ref
		g.defs.add(name, nil)
		place := len(g.defs.nodes) - 1
		g.defs.nodes[place] = g.object(t)
	}
	return &node{Ref: ref}
}

func (g *goTypes) object(t reflect.Type) *node {
	n := &node{Type: "object", Properties: &ordered{}}
	for _, f := range Fields(t) {
		property := g.of(f.Type)
		if f.Quoted {
			property = &node{Type: "string"}
		}
		if f.Doc != "" {
			property.Description = f.Doc
		}
		n.Properties.add(f.Name, property)
		if !f.Optional {
			n.Required = append(n.Required, f.Name)
		}
	}
	return n
}

// integer gives the range of what fits, where JSON can say it exactly.
func integer(t reflect.Type) *node {
	n := &node{Type: "integer"}
	bits := t.Bits()
	if t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uintptr {
		n.Minimum = new(int64)
		if bits <= 32 {
			n.Maximum = number(1<<bits - 1)
		}
		return n
	}
	if bits <= 32 {
		n.Minimum, n.Maximum = number(-1<<(bits-1)), number(1<<(bits-1)-1)
		return n
	}
	n.Format = "int64"
	return n
}

func number(n int64) *int64 { return &n }

func isInteger(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Uintptr }

// opaque reports whether a type reads JSON by methods of its own.
func opaque(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler)
}

func protoMessage(t reflect.Type) (proto.Message, bool) {
	if t.Kind() != reflect.Pointer || !t.Implements(messageType) {
		return nil, false
	}
	return reflect.Zero(t).Interface().(proto.Message), true
}
