package jsonschema

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// Field is a field of a struct as encoding/json sees it.
type Field struct {
	Name     string // in JSON
	Tagged   bool   // the name was written in a tag
	Optional bool   // omitempty, omitzero or a pointer
	Quoted   bool   // the tag's ",string"
	Doc      string
	Type     reflect.Type

	depth int
}

// Fields returns the fields that encoding/json reads into a struct, in the
// order of their declaration, those of embedded structs in their place. Of
// several with one name it takes what encoding/json takes: the shallowest, then
// the only tagged one, else none.
func Fields(t reflect.Type) []Field {
	all := collect(t, 0, map[reflect.Type]bool{})
	var out []Field
	for i, f := range all {
		if dominant(all, f.Name) == i {
			out = append(out, f)
		}
	}
	return out
}

func collect(t reflect.Type, depth int, inside map[reflect.Type]bool) []Field {
	if inside[t] {
		return nil
	}
	inside[t] = true
	defer delete(inside, t)
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if tag == "-" || skipped(f) {
			continue
		}
		if inner := pointee(f.Type); f.Anonymous && name == "" && inner.Kind() == reflect.Struct {
			out = append(out, collect(inner, depth+1, inside)...)
			continue
		}
		out = append(out, Field{
			Name: cmp.Or(name, f.Name), Tagged: name != "", Type: f.Type, depth: depth,
			Optional: hasOption(options, "omitempty") || hasOption(options, "omitzero") || f.Type.Kind() == reflect.Pointer,
			Quoted:   hasOption(options, "string") && quotable(pointee(f.Type)),
			Doc:      f.Tag.Get("doc"),
		})
	}
	return out
}

// skipped reports whether encoding/json passes a field over for not being
// exported. An embedded struct counts for the fields in it.
func skipped(f reflect.StructField) bool {
	if f.IsExported() {
		return false
	}
	return !f.Anonymous || pointee(f.Type).Kind() != reflect.Struct
}

// dominant returns the index of the field that a name means; -1 if several
// claim it with equal right.
func dominant(all []Field, name string) int {
	best, tied := -1, false
	for i, f := range all {
		if f.Name != name {
			continue
		}
		switch {
		case best < 0, f.depth < all[best].depth, f.depth == all[best].depth && f.Tagged && !all[best].Tagged:
			best, tied = i, false
		case f.depth == all[best].depth && f.Tagged == all[best].Tagged:
			tied = true
		}
	}
	if tied {
		return -1
	}
	return best
}

func hasOption(options, name string) bool {
	return slices.Contains(strings.Split(options, ","), name)
}

// quotable reports whether ",string" has an effect on a type.
func quotable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64:
		return true
	default:
		return isInteger(t.Kind())
	}
}

func pointee(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}
