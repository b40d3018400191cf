package message

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
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
// Created and DomainError. Its form is kept by stores: it never changes.
func EncodeResponse(r Response) ([]byte, error) {
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
