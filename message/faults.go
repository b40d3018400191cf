package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// FaultsOf turns an error of [Body.Decode] into a violation of the field at fault;
// no error is no violation.
func FaultsOf(err error) Violations {
	if err == nil {
		return nil
	}
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return Violations{{Path: wrongType.Field, Message: fmt.Sprintf("has to be %s, not a JSON %s", kindName(wrongType.Type), wrongType.Value)}}
	}
	return Violations{{Message: err.Error()}}
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "an integer of " + fmt.Sprint(t.Bits()) + " bits"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a non-negative integer of " + fmt.Sprint(t.Bits()) + " bits"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "an object"
	default:
		return t.String()
	}
}
