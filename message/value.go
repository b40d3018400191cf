package message

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Value is a payload of a response: JSON, or a protobuf message, or neither.
type Value struct {
	JSON json.RawMessage
	Any  *anypb.Any
}

// NewValue encodes v: a protobuf message as itself, nil as no value, anything
// else as JSON.
func NewValue(v any) (Value, error) {
	switch v := v.(type) {
	case nil:
		return Value{}, nil
	case Value:
		return v, nil
	case json.RawMessage:
		var b bytes.Buffer // compact, as it is stored: a repeat is answered with the same bytes
		if err := json.Compact(&b, v); err != nil {
			return Value{}, fmt.Errorf("value is not valid JSON: %w", err)
		}
		return Value{JSON: b.Bytes()}, nil
	case proto.Message:
		a := new(anypb.Any)
		if err := anypb.MarshalFrom(a, v, proto.MarshalOptions{Deterministic: true}); err != nil {
			return Value{}, fmt.Errorf("encode value %T: %w", v, err)
		}
		return Value{Any: a}, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return Value{}, fmt.Errorf("encode value %T: %w", v, err)
	}
	return Value{JSON: b}, nil
}

// IsZero reports whether there is no value.
func (v Value) IsZero() bool { return v.JSON == nil && v.Any == nil }

// AsJSON returns the value as JSON; nil if there is none. A protobuf message
// has its canonical JSON form, with "@type".
func (v Value) AsJSON() (json.RawMessage, error) {
	if v.Any == nil {
		return v.JSON, nil
	}
	b, err := protojson.Marshal(v.Any)
	if err != nil {
		return nil, fmt.Errorf("value as JSON: %w", err)
	}
	return b, nil
}

// Decode reads a JSON value into out.
func (v Value) Decode(out any) error {
	b, err := v.AsJSON()
	if err != nil {
		return err
	}
	if b == nil {
		return fmt.Errorf("there is no value to decode")
	}
	return json.Unmarshal(b, out)
}
