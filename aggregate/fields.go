package aggregate

import (
	"reflect"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/ringhold/ringhold/internal/jsonschema"
)

// hasField reports whether a request type has a top-level field of that name in
// JSON, or in its .proto file. Types whose fields are not fixed have any.
func hasField(t reflect.Type, name string) bool {
	if d := messageOf(t); d != nil {
		return d.Fields().ByName(protoreflect.Name(name)) != nil
	}
	fields, fixed := fieldsOf(t)
	for _, f := range fields {
		if f.Name == name || !f.Tagged && strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return !fixed
}

// FieldNames returns the top-level fields of the command's requests, for errors
// that say what there is; nil where they are not fixed.
func (c *CommandCore) FieldNames() []string {
	var names []string
	if d := messageOf(c.goType); d != nil {
		for i := range d.Fields().Len() {
			names = append(names, d.Fields().Get(i).TextName())
		}
		return names
	}
	fields, _ := fieldsOf(c.goType)
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}

// fieldsOf returns the fields of a struct; fixed is false for maps, raw JSON
// and interfaces.
func fieldsOf(t reflect.Type) (fields []jsonschema.Field, fixed bool) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil, false
	}
	return jsonschema.Fields(t), true
}

// messageOf returns what a .proto file says of a type; nil for other types.
func messageOf(t reflect.Type) protoreflect.MessageDescriptor {
	if t.Kind() != reflect.Pointer || !t.Implements(reflect.TypeFor[proto.Message]()) {
		return nil
	}
	return reflect.Zero(t).Interface().(proto.Message).ProtoReflect().Descriptor()
}

// taggedNames returns the fields whose names in JSON were written in a tag:
// these are exact. Others are read in any case, as encoding/json reads them.
func taggedNames(t reflect.Type) []string {
	if messageOf(t) != nil {
		return nil
	}
	var names []string
	fields, _ := fieldsOf(t)
	for _, f := range fields {
		if f.Tagged {
			names = append(names, f.Name)
		}
	}
	return names
}
