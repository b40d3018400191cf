package aggregate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/ringhold/ringhold/internal/plainjson"
)

// Payload is an encoded event or state.
type Payload struct {
	Proto bool // protobuf bytes; otherwise JSON
	Data  []byte
}

// codec encodes values of one type: JSON, or protobuf where T is a message.
type codec[T any] struct {
	message reflect.Type // the struct behind a protobuf message; nil for JSON
	plain   *plainjson.Codec
	// values are *T to decode plain JSON into; all are zero. What is decoded is
	// copied out, and holds nothing that stays in one.
	values *sync.Pool
}

func codecFor[T any]() codec[T] {
	t := reflect.TypeFor[T]()
	if t.Kind() == reflect.Pointer && t.Implements(reflect.TypeFor[proto.Message]()) {
		return codec[T]{message: t.Elem()}
	}
	return codec[T]{plain: plainjson.For(t), values: &sync.Pool{New: func() any { return new(T) }}}
}

func (c codec[T]) encode(v T) (Payload, error) { return c.encodeAny(v) }

// encodeAny encodes a value that is a T.
func (c codec[T]) encodeAny(v any) (Payload, error) {
	if c.message != nil {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(v.(proto.Message))
		if err != nil {
			return Payload{}, fmt.Errorf("encode %T: %w", v, err)
		}
		return Payload{Proto: true, Data: b}, nil
	}
	if b, ok := c.encodePlain(v); ok {
		return Payload{Data: b}, nil
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
		if v, ok := c.decodePlain(p.Data); ok {
			return v, nil
		}
		return decodeJSON[T](p.Data)
	}
	v = reflect.New(c.message).Interface().(T)
	if err := proto.Unmarshal(p.Data, any(v).(proto.Message)); err != nil {
		return v, fmt.Errorf("decode %T: %w", v, err)
	}
	return v, nil
}

// decodeJSON is apart from decode, where it would move v to the heap.
func decodeJSON[T any](b []byte) (v T, err error) {
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("decode %T: %w", v, err)
	}
	return v, nil
}

// scratch holds buffers to encode into; what is returned is a copy of its size.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// maxScratch is how many bytes a buffer in the pool may hold.
const maxScratch = 64 << 10

// encodePlain encodes a value that is a T; false: encoding/json has to do it.
func (c codec[T]) encodePlain(v any) ([]byte, bool) {
	if c.plain == nil {
		return nil, false
	}
	buffer := scratch.Get().(*[]byte)
	out, ok := c.plain.Append((*buffer)[:0], reflect.ValueOf(v))
	b := bytes.Clone(out)
	if cap(out) <= maxScratch {
		*buffer = out
		scratch.Put(buffer)
	}
	return b, ok
}

// decodePlain decodes plain JSON; false: encoding/json has to do it.
func (c codec[T]) decodePlain(b []byte) (v T, ok bool) {
	if c.plain == nil {
		return v, false
	}
	place := c.values.Get().(*T)
	if ok = c.plain.Decode(b, reflect.ValueOf(place).Elem()); ok {
		v = *place
	}
	var zero T
	*place = zero
	c.values.Put(place)
	return v, ok
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
