package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// Field returns the raw JSON of a top-level field of the request; found is
// false if it is absent or null. The fields of a protobuf message are known by
// their names in the .proto file.
func (b Body) Field(name string) (raw json.RawMessage, found bool, err error) {
	if b.proto != nil {
		return b.protoField(name)
	}
	if b.json == nil {
		return nil, false, nil
	}
	start, end := topLevel(b.json, name)
	if raw = b.json[start:end:end]; len(raw) == 0 || string(raw) == "null" {
		return nil, false, nil
	}
	return raw, true, nil
}

// With returns a body with a top-level field set to a string. Without a request
// it starts one. The rest, and the hash, stay those of what was received.
func (b Body) With(name, value string) (Body, error) {
	if b.proto != nil {
		return b.withProtoField(name, value)
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		return Body{}, err
	}
	old := b.json
	if old == nil {
		old = []byte("{}")
	}
	start, end := topLevel(old, name)
	if start == end { // there is none: it becomes the first
		key, err := json.Marshal(name)
		if err != nil {
			return Body{}, err
		}
		quoted = slices.Concat(key, []byte(":"), quoted)
		if old[skipSpace(old, 1)] != '}' {
			quoted = append(quoted, ',')
		}
		start, end = 1, 1
	}
	out := b
	out.json = slices.Concat(old[:start], quoted, old[end:])
	return out, nil
}

// seek is Field, and finds in the same pass a top-level field that differs from
// name only in case. encoding/json would take it for the field, and Ringhold for
// another one. The value is nil if there is none.
func (b Body) seek(name string) (value json.RawMessage, misspelt string, err error) {
	if b.json == nil {
		value, _, err = b.Field(name)
		return value, "", err
	}
	c := fieldsOf(b.json)
	for k, v, ok := c.next(); ok; k, v, ok = c.next() {
		switch quoted := b.json[k.start:k.end]; {
		case keyIs(quoted, name, false):
			if value == nil {
				value = b.json[v.start:v.end:v.end]
			}
		case misspelt == "" && keyIs(quoted, name, true):
			misspelt = string(quoted[1 : len(quoted)-1])
		}
	}
	if string(value) == "null" {
		value = nil
	}
	return value, misspelt, nil
}

// Misspelt returns a violation for each top-level field that is none of the
// names and differs from one of them only in case. encoding/json would take it
// for that one, and so let a request say a thing twice, or around a check of
// the field that was meant.
func (b Body) Misspelt(names []string) (v Violations) {
	if b.json == nil || len(names) == 0 {
		return nil
	}
	c := fieldsOf(b.json)
	for k, _, ok := c.next(); ok; k, _, ok = c.next() {
		quoted := b.json[k.start:k.end]
		if slices.ContainsFunc(names, func(name string) bool { return keyIs(quoted, name, false) }) {
			continue
		}
		for _, name := range names {
			if keyIs(quoted, name, true) {
				v.Add(string(quoted[1:len(quoted)-1]), fmt.Sprintf("differs from %q only in case", name))
				break
			}
		}
	}
	return v
}

// errNoField says that a protobuf message has no usable field of a name.
var errNoField = errors.New("no such string or integer field")

func (b Body) protoField(name string) (json.RawMessage, bool, error) {
	m, err := b.proto.UnmarshalNew()
	if err != nil {
		return nil, false, fmt.Errorf("read the protobuf request: %w", err)
	}
	field := m.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(name))
	if field == nil || field.IsList() || field.IsMap() {
		return nil, false, fmt.Errorf("field %q of %s: %w", name, b.proto.MessageName(), errNoField)
	}
	value := m.ProtoReflect().Get(field)
	switch field.Kind() {
	case protoreflect.StringKind:
		if value.String() == "" {
			return nil, false, nil
		}
		raw, err := json.Marshal(value.String())
		return raw, err == nil, err
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Sint32Kind, protoreflect.Sint64Kind,
		protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind,
		protoreflect.Sfixed32Kind, protoreflect.Sfixed64Kind:
		return json.RawMessage(value.String()), m.ProtoReflect().Has(field), nil
	default:
		return nil, false, fmt.Errorf("field %q of %s: %w", name, b.proto.MessageName(), errNoField)
	}
}

func (b Body) withProtoField(name, value string) (Body, error) {
	m, err := b.proto.UnmarshalNew()
	if err != nil {
		return Body{}, fmt.Errorf("read the protobuf request: %w", err)
	}
	field := m.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(name))
	if field == nil || field.Kind() != protoreflect.StringKind || field.IsList() {
		return Body{}, fmt.Errorf("set field %q of %s: %w", name, b.proto.MessageName(), errNoField)
	}
	m.ProtoReflect().Set(field, protoreflect.ValueOfString(value))
	out := b
	out.proto = new(anypb.Any)
	if err := anypb.MarshalFrom(out.proto, m, proto.MarshalOptions{Deterministic: true}); err != nil {
		return Body{}, fmt.Errorf("set field %q of %s: %w", name, b.proto.MessageName(), err)
	}
	return out, nil
}

func unmarshalProtoJSON(b []byte, m proto.Message) error {
	if err := protojson.Unmarshal(b, m); err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), "\u00a0", " "))
	}
	return nil
}
