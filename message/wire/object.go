package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
)

// maxExact is 2^53: from here on doubles do not tell neighbouring integers
// apart.
const maxExact = 1 << 53

// objectJSON writes a protobuf structure as JSON. Numbers that cannot have
// arrived as they were meant are refused.
func objectJSON(object *structpb.Struct) ([]byte, error) {
	if err := checkFields("", object.GetFields()); err != nil {
		return nil, err
	}
	b, err := json.Marshal(plainFields(object.GetFields()))
	if err != nil {
		return nil, fmt.Errorf("object: %w", err)
	}
	return b, nil
}

func checkFields(path string, fields map[string]*structpb.Value) error {
	for name, v := range fields {
		at := name
		if path != "" {
			at = path + "." + name
		}
		if err := checkValue(at, v); err != nil {
			return err
		}
	}
	return nil
}

func checkValue(path string, v *structpb.Value) error {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_NumberValue:
		return checkNumber(path, kind.NumberValue)
	case *structpb.Value_StructValue:
		return checkFields(path, kind.StructValue.GetFields())
	case *structpb.Value_ListValue:
		for i, one := range kind.ListValue.GetValues() {
			if err := checkValue(fmt.Sprintf("%s[%d]", path, i), one); err != nil {
				return err
			}
		}
		return nil
	case nil:
		return fmt.Errorf("object: field %s has no kind of value", path)
	}
	return nil
}

func checkNumber(path string, n float64) error {
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		return fmt.Errorf("object: field %s is %v, which JSON does not have", path, n)
	case math.Abs(n) >= maxExact:
		return fmt.Errorf("object: field %s has a number of magnitude 2^53 or more, which may have been rounded on its way: send as json", path)
	}
	return nil
}

func plainFields(fields map[string]*structpb.Value) map[string]any {
	out := make(map[string]any, len(fields))
	for name, v := range fields {
		out[name] = plainValue(v)
	}
	return out
}

// plainValue is AsInterface without the negative zero, which no caller means.
func plainValue(v *structpb.Value) any {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_NumberValue:
		if kind.NumberValue == 0 {
			return 0
		}
		return kind.NumberValue
	case *structpb.Value_StructValue:
		return plainFields(kind.StructValue.GetFields())
	case *structpb.Value_ListValue:
		out := make([]any, len(kind.ListValue.GetValues()))
		for i, one := range kind.ListValue.GetValues() {
			out[i] = plainValue(one)
		}
		return out
	}
	return v.AsInterface()
}

var errInexact = errors.New("a double cannot hold the number")

// jsonObject reads a JSON document as a protobuf structure. An error says that
// it is none, or that a number would not survive.
func jsonObject(doc []byte) (*structpb.Value, error) {
	d := json.NewDecoder(strings.NewReader(string(doc)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	v, err := exact(v)
	if err != nil {
		return nil, err
	}
	return structpb.NewValue(v)
}

// exact replaces the numbers of a decoded document by doubles, in place.
func exact(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		return exactNumber(v)
	case map[string]any:
		for k, one := range v {
			if v[k], err = exact(one); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, one := range v {
			if v[i], err = exact(one); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// exactNumber takes integers below 2^53, what a double prints as, and what has
// no more digits than every double keeps.
func exactNumber(n json.Number) (float64, error) {
	f, err := n.Float64()
	if err != nil {
		return 0, err
	}
	if i, err := n.Int64(); err == nil && i > -maxExact && i < maxExact {
		return f, nil
	}
	if again, err := json.Marshal(f); err == nil && string(again) == n.String() && math.Abs(f) < maxExact {
		return f, nil
	}
	const kept, smallest = 15, 1e-300
	if digits(n.String()) <= kept && math.Abs(f) >= smallest && math.Abs(f) < maxExact {
		return f, nil
	}
	return 0, errInexact
}

// digits counts the digits of a number before its exponent.
func digits(n string) (count int) {
	for _, c := range n {
		switch {
		case c == 'e' || c == 'E':
			return count
		case c >= '0' && c <= '9':
			count++
		}
	}
	return count
}
