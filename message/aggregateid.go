package message

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// IDFrom reads an aggregate's id from the raw JSON of a request's field: a
// string, or an integer, which is taken as it is written. A fraction, an
// exponent or any other kind of value is refused; an empty string is returned
// as it is, for the caller to treat as missing.
func IDFrom(raw json.RawMessage) (AggregateID, error) {
	switch {
	case len(raw) > 1 && raw[0] == '"':
		s, err := idText(raw)
		if err != nil || s == "" {
			return "", err
		}
		return AggregateID(s), AggregateID(s).Validate()
	case isInteger(raw):
		return AggregateID(raw), AggregateID(raw).Validate()
	}
	return "", fmt.Errorf("has to be a string or an integer, not %s", clip(string(raw)))
}

// idText returns what a JSON string says. Most ids are written as they are.
func idText(raw []byte) (string, error) {
	inside := raw[1 : len(raw)-1]
	if bytes.IndexByte(inside, '\\') < 0 && bytes.IndexByte(inside, '"') < 0 && raw[len(raw)-1] == '"' {
		return string(inside), nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fmt.Errorf("read the aggregate id: %w", err)
	}
	return s, nil
}

func isInteger(raw []byte) bool {
	if len(raw) > 0 && raw[0] == '-' {
		raw = raw[1:]
	}
	if len(raw) == 0 {
		return false
	}
	for _, c := range raw {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
