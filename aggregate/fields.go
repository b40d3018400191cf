package aggregate

import (
	"reflect"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// hasField reports whether a request type has a top-level field of that name in
// JSON, or in its .proto file. Types whose fields are not fixed have any.
func hasField(t reflect.Type, name string) bool {
	if t.Kind() == reflect.Pointer && t.Implements(reflect.TypeFor[proto.Message]()) {
		m := reflect.New(t.Elem()).Interface().(proto.Message)
		return m.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(name)) != nil
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return true // maps, raw JSON, interfaces
	}
	for _, f := range reflect.VisibleFields(t) {
		if !f.IsExported() || f.Anonymous {
			continue
		}
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case tag == "-":
		case tag == name, tag == "" && strings.EqualFold(f.Name, name):
			return true
		}
	}
	return false
}

// FieldNames returns the top-level fields of the command's requests, for errors
// that say what there is; nil where they are not fixed.
func (c *CommandCore) FieldNames() []string {
	t := c.goType
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if !f.IsExported() || f.Anonymous {
			continue
		}
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch tag {
		case "-":
		case "":
			names = append(names, f.Name)
		default:
			names = append(names, tag)
		}
	}
	return names
}
