package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/ringhold/ringhold/internal/plainjson"
)

// record is the JSON of a response that was stored with a command's events.
type record struct {
	Result  string          `json:"result"`
	ID      AggregateID     `json:"id,omitempty"`
	Version *Version        `json:"version,omitempty"`
	Code    string          `json:"code,omitempty"`
	Value   json.RawMessage `json:"value,omitempty"`
	Proto   bool            `json:"proto,omitempty"` // Value is an Any in its JSON form
}

// EncodeResponse encodes a response that can stand with stored events: OK,
// Created and DomainError. Its form is kept by stores: it never changes. It
// allocates once, unless there is something to escape or a protobuf message.
func EncodeResponse(r Response) ([]byte, error) {
	if b, ok := encodePlain(r); ok {
		return b, nil
	}
	return encodeAny(r)
}

// encodePlain is EncodeResponse for what needs no escapes; ok is false if it is
// not sure of that.
func encodePlain(r Response) (b []byte, ok bool) {
	switch r := r.(type) { //nolint:gochecksumtype // every other response stores nothing
	case OK:
		w := plainRecord(r.Value, 0)
		w.text(`{"result":"ok"`)
		w.version(r.Version, r.HasVersion)
		return w.end(r.Value)
	case Created:
		w := plainRecord(r.Value, len(r.ID))
		w.text(`{"result":"created"`)
		w.string("id", string(r.ID))
		w.version(r.Version, r.HasVersion)
		return w.end(r.Value)
	case DomainError:
		w := plainRecord(r.Detail, len(r.Code))
		w.text(`{"result":"error"`)
		w.string("code", r.Code)
		return w.end(r.Detail)
	default:
		return nil, false
	}
}

// recordWriter writes a record; odd says that it is not sure of what it wrote.
type recordWriter struct {
	b   []byte
	odd bool
}

func plainRecord(v Value, more int) recordWriter {
	const around = len(`{"result":"created","id":"","version":-9223372036854775808,"value":}`)
	return recordWriter{b: make([]byte, 0, around+more+len(v.JSON)), odd: v.Any != nil}
}

func (w *recordWriter) text(s string) { w.b = append(w.b, s...) }

func (w *recordWriter) string(name, s string) {
	if s == "" {
		return
	}
	w.text(`,"`)
	w.text(name)
	w.text(`":"`)
	start := len(w.b)
	w.text(s)
	w.odd = w.odd || plainjson.SkipUnescaped(w.b, start) < len(w.b)
	w.text(`"`)
}

func (w *recordWriter) version(v Version, has bool) {
	if has {
		w.text(`,"version":`)
		w.b = strconv.AppendInt(w.b, int64(v), 10)
	}
}

func (w *recordWriter) end(v Value) ([]byte, bool) {
	if w.odd {
		return nil, false
	}
	if len(v.JSON) > 0 {
		w.text(`,"value":`)
		compact := bytes.NewBuffer(w.b)
		if json.Compact(compact, v.JSON) != nil {
			return nil, false
		}
		w.b = compact.Bytes()
	}
	w.text(`}`)
	return w.b, true
}

// encodeAny is EncodeResponse for any response.
func encodeAny(r Response) ([]byte, error) {
	var out record
	var value Value
	switch r := r.(type) { //nolint:gochecksumtype // every other response stores nothing
	case OK:
		out.Result, value = "ok", r.Value
		if r.HasVersion {
			out.Version = &r.Version
		}
	case Created:
		out.Result, out.ID, value = "created", r.ID, r.Value
		if r.HasVersion {
			out.Version = &r.Version
		}
	case DomainError:
		out.Result, out.Code, value = "error", r.Code, r.Detail
	default:
		return nil, fmt.Errorf("a response %q cannot be stored", r.Outcome())
	}
	b, err := value.AsJSON()
	if err != nil {
		return nil, err
	}
	out.Value, out.Proto = b, value.Any != nil
	var w bytes.Buffer
	encoder := json.NewEncoder(&w)
	encoder.SetEscapeHTML(false) // the value stays as it is
	if err := encoder.Encode(out); err != nil {
		return nil, fmt.Errorf("encode response: %w", err)
	}
	return bytes.TrimSuffix(w.Bytes(), []byte("\n")), nil
}

// DecodeResponse reads what EncodeResponse wrote.
func DecodeResponse(b []byte) (Response, error) {
	var in record
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, fmt.Errorf("decode stored response: %w", err)
	}
	value := Value{JSON: in.Value}
	if in.Proto {
		value = Value{Any: new(anypb.Any)}
		if err := protojson.Unmarshal(in.Value, value.Any); err != nil {
			return nil, fmt.Errorf("decode stored response: %w", err)
		}
	}
	switch in.Result {
	case "ok":
		r := OK{Value: value}
		if in.Version != nil {
			r.Version, r.HasVersion = *in.Version, true
		}
		return r, nil
	case "created":
		r := Created{ID: in.ID, Value: value}
		if in.Version != nil {
			r.Version, r.HasVersion = *in.Version, true
		}
		return r, nil
	case "error":
		return DomainError{Code: in.Code, Detail: value}, nil
	}
	return nil, fmt.Errorf("decode stored response: unknown result %q", in.Result)
}
