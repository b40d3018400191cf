package manifest

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// evaluate runs the CEL rules. The API server runs none if the structure has a
// fault that blocks; here those rules count that such a fault cannot have
// misled, so that a person learns of everything at once.
func (d *definition) evaluate(object map[string]any, structure field.ErrorList) field.ErrorList {
	blocking := slices.DeleteFunc(slices.Clone(structure), func(e *field.Error) bool { return !slices.Contains(blockingTypes, e.Type) })
	if len(blocking) == 0 {
		return d.run(object)
	}
	object = runtime.DeepCopyJSON(object)
	for _, e := range blocking {
		if slices.Contains(unsafeTypes, e.Type) {
			remove(object, e.Field)
		}
	}
	return slices.DeleteFunc(d.run(object), func(e *field.Error) bool {
		return unevaluated(e) || slices.ContainsFunc(blocking, func(b *field.Error) bool { return d.misled(e, b.Field) })
	})
}

func (d *definition) run(object map[string]any) field.ErrorList {
	errs, _ := d.rules.Validate(context.Background(), nil, d.structural, object, nil, celconfig.RuntimeCELCostBudget)
	return eachStream(object, errs)
}

// blockingTypes is the API server's list of faults after which it runs no
// rules.
var blockingTypes = []field.ErrorType{
	field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid,
}

// unsafeTypes are those of them that leave a value that a rule was not
// compiled for, or not priced for.
var unsafeTypes = []field.ErrorType{field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid}

// unevaluated reports that a rule ended in an error rather than in false.
func unevaluated(e *field.Error) bool {
	return e.Type == field.ErrorTypeInternal || strings.Contains(e.Detail, " evaluating rule: ")
}

// misled reports whether a rule may have failed only because of a fault at the
// path blocked.
func (d *definition) misled(e *field.Error, blocked string) bool {
	if within(e.Field, blocked) {
		return true
	}
	object, rule, ok := d.ruleOf(e)
	if !ok { // the words of eachStream
		return holdsStreamName(blocked)
	}
	below, ok := strings.CutPrefix(blocked, object+".")
	if !ok {
		return within(object, blocked)
	}
	name, _ := cutField(below)
	return strings.Contains(rule, "self."+name) || strings.Contains(rule, "self.__"+name+"__")
}

// holdsStreamName reports that a fault at path hides the name of a stream.
func holdsStreamName(path string) bool {
	switch index.ReplaceAllString(path, "") {
	case "spec.streams", "spec.streams.name":
		return true
	}
	return false
}

// ruleOf finds where a failed rule stands in the schema, and its expression. A
// rule's fault is there or, if the rule says so, at a field below.
func (d *definition) ruleOf(e *field.Error) (object, rule string, ok bool) {
	for _, object := range []string{e.Field, parent(e.Field)} {
		node := schemaAt(d.structural, object)
		if node == nil {
			continue
		}
		for _, candidate := range node.XValidations {
			at := joinPath(object, strings.TrimPrefix(candidate.FieldPath, "."))
			if at == e.Field && candidate.Message == e.Detail {
				return object, candidate.Rule, true
			}
		}
	}
	return "", "", false
}

// within reports whether path is root or stands below it.
func within(path, root string) bool {
	rest, ok := strings.CutPrefix(path, root)
	return ok && (root == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}
