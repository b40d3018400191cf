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
	blocking := slices.DeleteFunc(slices.Clone(structure), func(e *field.Error) bool { return !blocks(e) })
	if len(blocking) == 0 {
		return d.run(object)
	}
	object = runtime.DeepCopyJSON(object)
	for _, e := range blocking {
		switch e.Type {
		case field.ErrorTypeTypeInvalid, field.ErrorTypeTooLong, field.ErrorTypeTooMany:
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

// blocks is the API server's list of faults after which it runs no rules.
func blocks(e *field.Error) bool {
	switch e.Type {
	case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
		return true
	}
	return false
}

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
	if !isObjectRule(e) { // it reads one value, or is about a stream's name
		return strings.HasPrefix(e.Field, "spec.handlers") && holdsStreamName(blocked)
	}
	object, rule, ok := d.ruleOf(e)
	if !ok {
		return true
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

// isObjectRule reports that the rule stands at an object or a list, so that it
// may have read any field in it.
func isObjectRule(e *field.Error) bool {
	_, omitted := e.BadValue.(field.OmitValueType)
	return omitted
}

// ruleOf finds the object that a failed rule belongs to, and its expression. A
// rule's fault is at the object or, if the rule says so, at a field of it.
func (d *definition) ruleOf(e *field.Error) (object, rule string, ok bool) {
	for _, object := range []string{e.Field, parent(e.Field)} {
		node := schemaAt(d.structural, object)
		if node == nil {
			continue
		}
		for _, candidate := range node.XValidations {
			if joinPath(object, strings.TrimPrefix(candidate.FieldPath, ".")) == e.Field || candidate.FieldPath == "" {
				if candidate.Message == e.Detail {
					return object, candidate.Rule, true
				}
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
