package manifest

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// eachStream replaces the one fault about undeclared streams, which a rule can
// only attach to all handlers, by a fault at each handler that has it. Nothing
// is decided here: without the rule's fault there is none.
func eachStream(object map[string]any, errs field.ErrorList) field.ErrorList {
	at := slices.IndexFunc(errs, func(e *field.Error) bool {
		return e.Field == "spec.handlers" && !unevaluated(e)
	})
	if at < 0 {
		return errs
	}
	single, certain := undeclaredStreams(object)
	if len(single) == 0 && certain {
		return errs
	}
	return slices.Replace(errs, at, at+1, single...)
}

// undeclaredStreams finds the handlers whose stream spec.streams does not
// declare. A stream that is declared under a name that is not allowed has a
// fault there already; the handlers that spell it right have none, and the
// result is not certain.
func undeclaredStreams(object map[string]any) (errs field.ErrorList, certain bool) {
	spec, _ := object["spec"].(map[string]any)
	declared := names(spec["streams"], "name")
	certain = true
	for i, name := range declared {
		declared[i] = snake(name)
		certain = certain && declared[i] == name
	}
	handlers, _ := spec["handlers"].([]any)
	for i, item := range handlers {
		handler, _ := item.(map[string]any)
		stream, ok := handler["stream"].(string)
		if ok && !slices.Contains(declared, stream) {
			path := field.NewPath("spec", "handlers").Index(i).Child("stream")
			errs = append(errs, field.Invalid(path, stream, undeclared(stream, declared)))
		}
	}
	return errs, certain
}

func undeclared(stream string, declared []string) string {
	switch near := nearest(stream, declared); {
	case near != "":
		return fmt.Sprintf("%s is not declared in spec.streams: did you mean %s?", quote(stream), near)
	case len(declared) == 0:
		return fmt.Sprintf("%s is not declared, there is no spec.streams: write streams: [{name: %s}]", quote(stream), stream)
	default:
		return fmt.Sprintf("%s is not declared in spec.streams: add - name: %s there, or write %s", quote(stream), stream, alternatives(declared))
	}
}

// names are the values of one field in a list of objects.
func names(list any, key string) []string {
	items, _ := list.([]any)
	var found []string
	for _, item := range items {
		object, _ := item.(map[string]any)
		if name, ok := object[key].(string); ok {
			found = append(found, name)
		}
	}
	return found
}
