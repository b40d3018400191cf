package jsonschema

import (
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// ofMessage describes a message as protojson reads it. Fields have their names
// from the .proto file, which protojson takes as well as lowerCamelCase and
// which name the field of an aggregate's id.
func ofMessage(d protoreflect.MessageDescriptor) json.RawMessage {
	p := &protoTypes{root: d.FullName(), known: map[protoreflect.FullName]bool{}}
	if n := wellKnown(d); n != nil {
		return finish(n, &p.defs)
	}
	root := p.object(d)
	return finish(root, &p.defs)
}

type protoTypes struct {
	root  protoreflect.FullName
	defs  ordered
	known map[protoreflect.FullName]bool
}

func (p *protoTypes) object(d protoreflect.MessageDescriptor) *node {
	n := &node{Type: "object", Properties: &ordered{}}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		n.Properties.add(f.TextName(), p.field(f))
		if f.Cardinality() == protoreflect.Required {
			n.Required = append(n.Required, f.TextName())
		}
	}
	return n
}

func (p *protoTypes) field(f protoreflect.FieldDescriptor) *node {
	switch {
	case f.IsMap():
		return &node{Type: "object", Values: p.value(f.MapValue())}
	case f.IsList():
		return &node{Type: "array", Items: p.value(f)}
	default:
		return p.value(f)
	}
}

func (p *protoTypes) value(f protoreflect.FieldDescriptor) *node {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return p.message(f.Message())
	case protoreflect.EnumKind:
		return enum(f.Enum())
	default:
		return scalar(f.Kind())
	}
}

func (p *protoTypes) message(d protoreflect.MessageDescriptor) *node {
	if n := wellKnown(d); n != nil {
		return n
	}
	if d.FullName() == p.root {
		return &node{Ref: "#"}
	}
	name := string(d.FullName())
	if !p.known[d.FullName()] {
		p.known[d.FullName()] = true
		p.defs.add(name, nil)
		place := len(p.defs.nodes) - 1
		p.defs.nodes[place] = p.object(d)
	}
	return &node{Ref: "#/$defs/" + escapePointer(name)}
}

func enum(d protoreflect.EnumDescriptor) *node {
	if d.FullName() == "google.protobuf.NullValue" {
		return &node{Type: "null"}
	}
	n := &node{Type: "string"}
	for i := range d.Values().Len() {
		n.Enum = append(n.Enum, string(d.Values().Get(i).Name()))
	}
	return n
}

func scalar(k protoreflect.Kind) *node {
	switch k {
	case protoreflect.BoolKind:
		return &node{Type: "boolean"}
	case protoreflect.StringKind:
		return &node{Type: "string"}
	case protoreflect.BytesKind:
		return &node{Type: "string", Encoding: "base64"}
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return &node{Type: "number"}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return &node{Type: "integer", Minimum: number(0), Maximum: number(1<<32 - 1)}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return &node{Type: []string{"integer", "string"}, Format: "int64"}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return &node{Type: []string{"integer", "string"}, Format: "uint64"}
	default: // int32, sint32, sfixed32
		return &node{Type: "integer", Minimum: number(-1 << 31), Maximum: number(1<<31 - 1)}
	}
}

// wellKnown describes the messages that have a JSON form of their own; nil for
// all others.
func wellKnown(d protoreflect.MessageDescriptor) *node {
	short, found := strings.CutPrefix(string(d.FullName()), "google.protobuf.")
	if !found {
		return nil
	}
	switch short {
	case "Timestamp":
		return &node{Type: "string", Format: "date-time"}
	case "Duration":
		return &node{Type: "string", Description: `seconds with the suffix s, as in "1.5s"`}
	case "FieldMask":
		return &node{Type: "string", Description: "names of fields, separated by commas"}
	case "Value":
		return &node{}
	case "ListValue":
		return &node{Type: "array"}
	case "Struct", "Empty":
		return &node{Type: "object"}
	case "Any":
		at := &ordered{}
		at.add("@type", &node{Type: "string"})
		return &node{Type: "object", Properties: at, Required: []string{"@type"}}
	case "BoolValue", "StringValue", "BytesValue", "FloatValue", "DoubleValue",
		"Int32Value", "Int64Value", "UInt32Value", "UInt64Value":
		return scalar(d.Fields().ByName("value").Kind())
	}
	return nil
}

// escapePointer writes a name as a part of a JSON pointer in a URI fragment.
// Names of generic types hold brackets, commas and slashes.
func escapePointer(name string) string {
	name = strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	var b strings.Builder
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("._~-", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
