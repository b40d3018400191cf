package aggregatetest

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/ringhold/ringhold/message"
)

// difference returns what makes got differ from want, "" if nothing does. All
// fields count, exported or not; a nil map is not an empty one.
func difference(want, got any) string {
	if reflect.DeepEqual(want, got) { // which is fast, and nearly always so
		return ""
	}
	return cmp.Diff(want, got, everyField, protocmp.Transform(), valuesByContent)
}

var (
	everyField = cmp.Exporter(func(reflect.Type) bool { return true })

	// The order of keys and white space in a response's value do not matter.
	valuesByContent = cmp.Transformer("JSON", func(v message.Value) any {
		raw, err := v.AsJSON()
		if err != nil {
			return err.Error()
		}
		return content(raw)
	})
)

// content returns what a JSON text says; nil for none.
func content(raw []byte) any {
	if len(raw) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return string(raw)
	}
	if v == nil {
		return json.RawMessage("null") // which is not the same as no value
	}
	return v
}
