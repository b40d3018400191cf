package manifest

import (
	"fmt"
	"slices"
	"strings"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// onInYAML11 is the field that stands in for on; see v1alpha1.HandlerSpec.
const onInYAML11 = "true"

// unknown records fields that the schema does not have. What stands in a value
// of the wrong type is left out, because that type is the fault.
func (x *explainer) unknown(paths []string, structure field.ErrorList) {
	for _, path := range paths {
		inWrongType := slices.ContainsFunc(structure, func(e *field.Error) bool {
			return e.Type == field.ErrorTypeTypeInvalid && within(path, e.Field)
		})
		if !inWrongType && !slices.Contains(x.told, path) {
			x.add(path, x.wordUnknown(path))
		}
	}
}

func (x *explainer) wordUnknown(path string) string {
	holder, name := parent(path), lastField(path)
	if at := x.doc.source.locate(path); at.found {
		name = lastField(at.path)
	}
	if within(path, "status") {
		return "there is no such field, and status is the operator's to write: remove it"
	}
	fields := x.fields(holder)
	if near := nearest(name, fields); near != "" {
		meant := joinPath(holder, near)
		if !x.doc.source.locate(meant).found {
			x.meant = append(x.meant, meant)
		}
		return fmt.Sprintf("there is no such field: did you mean %s?", near)
	}
	switch home := x.home(holder, name); {
	case home != "":
		return fmt.Sprintf("there is no such field here: write it under %s", home)
	case len(fields) == 0:
		return "there is no such field: remove it"
	default:
		return fmt.Sprintf("there is no such field: write one of %s, or remove it", strings.Join(fields, ", "))
	}
}

// fields are the names that an object may hold, sorted.
func (x *explainer) fields(path string) []string {
	switch path {
	case "":
		return []string{"apiVersion", "kind", "metadata", "spec"}
	case "metadata":
		return []string{"annotations", "labels", "name", "namespace"}
	}
	return fieldsOf(schemaAt(x.root, path))
}

func fieldsOf(node *structuralschema.Structural) []string {
	var fields []string
	if node != nil {
		for name := range node.Properties {
			if name != onInYAML11 {
				fields = append(fields, name)
			}
		}
	}
	slices.Sort(fields)
	return fields
}

// home is the path, below an object that does not have a field, of the nearest
// object that does: the field was written too far out. Names that mean
// something everywhere have no home.
func (x *explainer) home(path, name string) string {
	if slices.Contains([]string{"name", "key", "image", "replicas", "timeout"}, name) {
		return ""
	}
	type candidate struct {
		path string
		node *structuralschema.Structural
	}
	queue := []candidate{{path, schemaAt(x.root, path)}}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, field := range fieldsOf(at.node) {
			if field == "status" || field == "pod" {
				continue
			}
			property := at.node.Properties[field]
			next := candidate{joinPath(at.path, field), &property}
			if property.Items != nil {
				next = candidate{next.path + "[]", property.Items}
			}
			if _, ok := next.node.Properties[name]; ok {
				return next.path
			}
			queue = append(queue, next)
		}
	}
	return ""
}

// lastField is the name, or the index, that a path ends with.
func lastField(path string) string {
	return strings.TrimPrefix(path[len(parent(path)):], ".")
}
