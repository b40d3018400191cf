package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
	raw = topLevel(b.json, name)
	if raw == nil || string(raw) == "null" {
		return nil, false, nil
	}
	return raw, true, nil
}

// With returns a body with a top-level field set to a string. Without a request
// it starts one. The hash stays that of what was received.
func (b Body) With(name, value string) (Body, error) {
	if b.proto != nil {
		return b.withProtoField(name, value)
	}
	out := b
	fields := map[string]json.RawMessage{}
	if b.json != nil {
		if err := json.Unmarshal(b.json, &fields); err != nil {
			return Body{}, fmt.Errorf("set %s in the request: %w", name, err)
		}
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		return Body{}, err
	}
	fields[name] = quoted
	out.json, err = json.Marshal(fields)
	return out, err
}

// topLevel finds a field of a valid JSON object without decoding the rest; nil
// if it has none of that name.
func topLevel(b []byte, name string) json.RawMessage {
	i := skipSpace(b, 1)
	for i < len(b) && b[i] == '"' {
		end := skipString(b, i)
		key := b[i:end]
		i = skipSpace(b, end)
		i = skipSpace(b, i+1) // the colon
		valueEnd := skipValue(b, i)
		if keyIs(key, name) {
			return json.RawMessage(b[i:valueEnd:valueEnd])
		}
		i = skipSpace(b, valueEnd)
		if i < len(b) && b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
	return nil
}

func keyIs(quoted []byte, name string) bool {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1:len(quoted)-1]) == name
	}
	var s string
	return json.Unmarshal(quoted, &s) == nil && s == name
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
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
