package manifest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// explainer turns what the API server's code found into faults that say what
// to write instead.
type explainer struct {
	doc    *document
	root   *structuralschema.Structural
	faults []Fault

	meant []string // paths that a misspelt field was probably meant as
	told  []string // paths with a fault that explains all further ones there
}

// add records a fault at a path of the object.
func (x *explainer) add(path, message string) {
	x.faults = append(x.faults, *x.doc.fault(path, message))
}

// duplicates records fields that are written twice.
func (x *explainer) duplicates(faults []Fault) {
	x.faults = append(x.faults, faults...)
	for _, f := range faults {
		x.told = append(x.told, f.Path)
	}
}

// metadata records metadata that cannot be read at all.
func (x *explainer) metadata(err error) {
	path, message := "metadata", strings.TrimPrefix(err.Error(), "json: ")
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		path = strings.TrimSuffix(joinPath(path, wrong.Field), ".")
		message = x.wordMetadata(x.doc.source.locate(path), wrong)
	}
	x.told = append(x.told, path)
	x.add(path, message)
}

func (x *explainer) wordMetadata(at place, wrong *json.UnmarshalTypeError) string {
	value, _ := get(x.doc.object, at.path)
	switch wrong.Type.Kind() {
	case reflect.String:
		if isScalar(value) {
			return fmt.Sprintf("%s is %s, text is wanted: write %q", written(at.node, value), describe(value), written(at.node, value))
		}
		return "a value in it is a " + wrong.Value + ", text is wanted: write it in quotes"
	case reflect.Slice:
		return written(at.node, value) + " is " + describe(value) + ": " + adviceList
	default:
		return written(at.node, value) + " is " + describe(value) + ": " + adviceMapping
	}
}

// structure explains faults of metadata, OpenAPI schema and lists. Of several
// at one place the first says it all.
func (x *explainer) structure(errs field.ErrorList) {
	for _, e := range errs {
		path, message := x.word(e)
		if path == noPath {
			continue // it sums up others
		}
		x.once(path, message)
	}
	if len(errs) > 0 && len(x.faults) == 0 {
		x.add("", oneLine(errs.ToAggregate().Error()))
	}
}

// noPath is how a fault without a place names it.
var noPath = (*field.Path)(nil).String()

// once records a fault unless one at the same place was told already.
func (x *explainer) once(path, message string) {
	if x.isTold(path) {
		return
	}
	x.told = append(x.told, path, x.doc.source.locate(path).path)
	x.add(path, message)
}

// isTold reports that another fault is the cause of one at a path.
func (x *explainer) isTold(path string) bool {
	return slices.Contains(x.told, path) || slices.Contains(x.told, x.doc.source.locate(path).path) ||
		slices.ContainsFunc(x.meant, func(m string) bool { return within(path, m) })
}

// rules records the CEL rules that failed; their messages are written for
// people.
func (x *explainer) rules(errs field.ErrorList) {
	for _, e := range errs {
		nameTold := slices.ContainsFunc(x.told, func(p string) bool { return within(p, "metadata") })
		if x.isTold(e.Field) || e.Field == "metadata" && nameTold {
			continue
		}
		x.add(e.Field, ruleMessage(e))
	}
	if len(errs) > 0 && len(x.faults) == 0 {
		x.add("", oneLine(errs.ToAggregate().Error()))
	}
}

// ruleMessage adds the offending value to a rule of a single field.
func ruleMessage(e *field.Error) string {
	detail := strings.TrimSpace(e.Detail)
	switch value := e.BadValue.(type) {
	case string:
		if e.Type == field.ErrorTypeInvalid && !strings.Contains(detail, quote(value)) {
			return quote(value) + ": " + detail
		}
	case int64:
		return fmt.Sprintf("%d: %s", value, detail)
	}
	return detail
}

// word explains one fault of the structure, and says at which path.
func (x *explainer) word(e *field.Error) (path, message string) {
	path = e.Field
	node := schemaAt(x.root, path)
	value, _ := get(x.doc.object, path)
	switch e.Type {
	case field.ErrorTypeRequired:
		return path, missing(path)
	case field.ErrorTypeDuplicate:
		return x.duplicateEntry(e)
	case field.ErrorTypeNotSupported:
		return path, wordEnum(value, node)
	case field.ErrorTypeTypeInvalid:
		return path, x.wordType(e, node)
	case field.ErrorTypeTooLong:
		return path, tooLong(value, node)
	case field.ErrorTypeTooMany:
		return path, tooMany(value, node)
	default:
		return path, cmp.Or(wordValue(path, value, node), e.Detail)
	}
}

// duplicateEntry explains an entry of a list whose key is taken.
func (x *explainer) duplicateEntry(e *field.Error) (path, message string) {
	list := parent(e.Field)
	key := "name"
	if node := schemaAt(x.root, list); node != nil && len(node.XListMapKeys) == 1 {
		key = node.XListMapKeys[0]
	}
	value, _ := get(x.doc.object, e.Field+"."+key)
	all, _ := get(x.doc.object, list)
	first := 0
	items, _ := all.([]any)
	for i := len(items) - 1; i >= 0; i-- {
		if item, ok := items[i].(map[string]any); ok && item[key] == value {
			first = i
		}
	}
	text, ok := value.(string)
	if !ok {
		return e.Field, "this entry is written twice: remove one of them"
	}
	return e.Field + "." + key, fmt.Sprintf("%s is taken by %s[%d]: write another %s, or remove one of them", quote(text), list, first, key)
}

// schemaAt is the schema of the field at a path, or nil.
func schemaAt(root *structuralschema.Structural, path string) *structuralschema.Structural {
	node := root
	for rest := path; rest != ""; {
		_, after, isIndex := cutIndex(rest)
		switch {
		case node.Items != nil && isIndex:
			node, rest = node.Items, after
		case len(node.Properties) > 0:
			name, after := cutField(rest)
			property, ok := node.Properties[name]
			if !ok {
				return nil
			}
			node, rest = &property, after
		case node.AdditionalProperties != nil && node.AdditionalProperties.Structural != nil:
			// The rest is the map's key, which may hold anything. No map of
			// this schema has fields below its values.
			return node.AdditionalProperties.Structural
		default:
			return nil
		}
	}
	return node
}

// cutField takes the first field name off a path.
func cutField(path string) (name, rest string) {
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		return path, ""
	}
	return path[:end], strings.TrimPrefix(path[end:], ".")
}
