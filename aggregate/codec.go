package aggregate

import (
	"encoding/json"
	"fmt"
	"reflect"

	"google.golang.org/protobuf/proto"
)

// Payload is an encoded event or state.
type Payload struct {
	Proto bool // protobuf bytes; otherwise JSON
	Data  []byte
}

// codec encodes values of one type: JSON, or protobuf where T is a message.
type codec[T any] struct {
	message reflect.Type // the struct behind a protobuf message; nil for JSON
}

func codecFor[T any]() codec[T] {
	t := reflect.TypeFor[T]()
	if t.Kind() == reflect.Pointer && t.Implements(reflect.TypeFor[proto.Message]()) {
		return codec[T]{message: t.Elem()}
	}
	return codec[T]{}
}

func (c codec[T]) encode(v T) (Payload, error) {
	if c.message != nil {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(any(v).(proto.Message))
		if err != nil {
			return Payload{}, fmt.Errorf("encode %T: %w", v, err)
		}
		return Payload{Proto: true, Data: b}, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return Payload{}, fmt.Errorf("encode %T: %w", v, err)
	}
	return Payload{Data: b}, nil
}

func (c codec[T]) decode(p Payload) (T, error) {
	var v T
	if p.Proto != (c.message != nil) {
		return v, fmt.Errorf("decode %T: stored as %s, declared as %s", v, form(p.Proto), form(c.message != nil))
	}
	if c.message == nil {
		if err := json.Unmarshal(p.Data, &v); err != nil {
			return v, fmt.Errorf("decode %T: %w", v, err)
		}
		return v, nil
	}
	v = reflect.New(c.message).Interface().(T)
	if err := proto.Unmarshal(p.Data, any(v).(proto.Message)); err != nil {
		return v, fmt.Errorf("decode %T: %w", v, err)
	}
	return v, nil
}

// rewrite decodes and encodes. What the result lacks is what T does not hold.
func (c codec[T]) rewrite(p Payload) (Payload, error) {
	v, err := c.decode(p)
	if err != nil {
		return Payload{}, err
	}
	if c.message != nil { // a message would keep the fields that it does not know
		known := proto.UnmarshalOptions{DiscardUnknown: true}
		if err := known.Unmarshal(p.Data, any(v).(proto.Message)); err != nil {
			return Payload{}, fmt.Errorf("decode %T: %w", v, err)
		}
	}
	return c.encode(v)
}

func form(isProto bool) string {
	if isProto {
		return "protobuf"
	}
	return "JSON"
}
