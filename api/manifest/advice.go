package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const nameAdvice = "write at most 45 lower-case letters, digits and -, starting with a letter, such as bank"

const (
	adviceList    = `write a list, each entry after "- "`
	adviceMapping = "write a mapping, FIELD: VALUE"
)

// missingAdvice says what to write for a required field, by its path without
// indexes.
var missingAdvice = map[string]string{
	"metadata.name":                      "write the service's name, such as name: bank",
	"spec":                               "write what the service consists of: store, streams and handlers",
	"spec.store":                         "write store: {embedded: {}} for a SQLite file, or store: {postgres: {secretRef: {name: NAME}}}",
	"spec.store.postgres.secretRef":      "write secretRef: {name: NAME}, the Secret that holds the database's URL",
	"spec.store.postgres.secretRef.name": "write the name of the Secret that holds the database's URL",
	"spec.streams.name":                  "write the name that the aggregate has in Go, such as name: accounts",
	"spec.handlers.service":              "write the name that messages are dispatched to, such as service: open_account",
}

// patternAdvice says what a pattern of the schema asks for. With snake, the
// value as it should be spelt is named too.
var patternAdvice = map[string]struct {
	advice string
	snake  bool
}{
	`^[a-z][a-z0-9_]*$`:                 {"write lower-case letters, digits and _, starting with a letter", true},
	`^[a-z][a-z0-9_.]*$`:                {"write lower-case letters, digits, _ and ., starting with a letter", true},
	`^[a-z0-9]([-a-z0-9_.]*[a-z0-9])?$`: {"write lower-case letters, digits, -, _ and ., with a letter or digit at both ends", false},
	quantityPattern:                     {"write a quantity such as 512Mi or 1Gi", false},
}

// quantityPattern is the one that controller-gen gives to every quantity.
const quantityPattern = `^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$`

var index = regexp.MustCompile(`\[[^\]]*\]`)

// missing explains a required field that is not there.
func missing(path string) string {
	if advice, ok := missingAdvice[index.ReplaceAllString(path, "")]; ok {
		return "this is missing: " + advice
	}
	return "this is missing: write " + lastField(path) + ": and its value"
}

// wordEnum explains a value that is none of those allowed.
func wordEnum(value any, node *structuralschema.Structural) string {
	choices := choices(node)
	text, ok := value.(string)
	if !ok {
		return "write " + alternatives(choices)
	}
	if near := nearest(text, choices); near != "" {
		return fmt.Sprintf("%s is not allowed: write %s", quote(text), near)
	}
	return fmt.Sprintf("%s is not allowed: write %s", quote(text), alternatives(choices))
}

func choices(node *structuralschema.Structural) []string {
	if node == nil || node.ValueValidation == nil {
		return nil
	}
	var choices []string
	for _, choice := range node.ValueValidation.Enum {
		if text, ok := choice.Object.(string); ok {
			choices = append(choices, text)
		}
	}
	return choices
}

// wordType explains a value of the wrong type. The API server's error holds
// the type that it found.
func (x *explainer) wordType(e *field.Error, node *structuralschema.Structural) string {
	at := x.doc.source.locate(e.Field)
	value, _ := get(x.doc.object, e.Field)
	wrote := written(at.node, value)
	if value == nil {
		return "this entry is empty: write a value, or remove it"
	}
	switch {
	case node == nil:
		return e.Detail
	case len(choices(node)) > 0:
		return wrote + " is " + describe(value) + ": write " + alternatives(choices(node))
	case node.XIntOrString:
		return wrote + " is " + describe(value) + ": write a quantity such as 512Mi or 1Gi"
	case isDuration(node):
		return wrote + " is " + describe(value) + ", without a unit: write a duration such as 500ms, 5s, 10m or 1h30m"
	}
	switch node.Type {
	case "string":
		if isScalar(value) {
			return fmt.Sprintf("%s is %s, text is wanted: write %q", wrote, describe(value), wrote)
		}
		return wrote + " is " + describe(value) + ": write text"
	case "integer":
		if text, ok := value.(string); ok && isWhole(text) {
			return fmt.Sprintf("%q is text: write %s, without quotes", text, text)
		}
		return wrote + " is " + describe(value) + ": write a whole number"
	case "boolean":
		return wrote + " is " + describe(value) + ": write true or false"
	case "array":
		return wrote + " is " + describe(value) + ": " + adviceList
	case "object":
		return wrote + " is " + describe(value) + ": " + adviceMapping
	}
	return e.Detail
}

// wordValue explains a value of the right type that breaks a limit of its
// schema, or is empty if no limit explains it.
func wordValue(path string, value any, node *structuralschema.Structural) string {
	if path == "metadata.name" {
		return fmt.Sprintf("%s is no name: %s", quote(fmt.Sprint(value)), nameAdvice)
	}
	if node == nil || node.ValueValidation == nil {
		return ""
	}
	limits := node.ValueValidation
	switch value := value.(type) {
	case string:
		switch {
		case limits.MinLength != nil && value == "":
			return "this is empty: write a value, or remove the field"
		case limits.Pattern != "":
			return wordPattern(value, limits.Pattern)
		}
	case int64:
		return wordRange(float64(value), strconv.FormatInt(value, 10), limits)
	case float64:
		return wordRange(value, strconv.FormatFloat(value, 'g', -1, 64), limits)
	}
	if node.XIntOrString {
		return written(nil, value) + " is no quantity: write one such as 512Mi or 1Gi"
	}
	return ""
}

func wordPattern(value, pattern string) string {
	known, ok := patternAdvice[pattern]
	if !ok {
		return fmt.Sprintf("%s does not match %s", quote(value), pattern)
	}
	message := quote(value) + " is not allowed: " + known.advice
	if better := snake(value); known.snake && better != value && regexp.MustCompile(pattern).MatchString(better) {
		message += ", such as " + better
	}
	return message
}

func wordRange(value float64, text string, limits *structuralschema.ValueValidation) string {
	low, high := limits.Minimum, limits.Maximum
	tooLow, tooHigh := low != nil && value < *low, high != nil && value > *high
	switch {
	case !tooLow && !tooHigh:
		return ""
	case low != nil && high != nil:
		return fmt.Sprintf("%s is not allowed: write a number from %.0f to %.0f", text, *low, *high)
	case tooLow:
		return fmt.Sprintf("%s is not allowed: write %.0f or more", text, *low)
	default:
		return fmt.Sprintf("%s is not allowed: write %.0f or less", text, *high)
	}
}

func tooLong(value any, node *structuralschema.Structural) string {
	text, _ := value.(string)
	if node == nil || node.ValueValidation == nil || node.ValueValidation.MaxLength == nil {
		return "this is too long"
	}
	return fmt.Sprintf("this has %d characters: write at most %d", len([]rune(text)), *node.ValueValidation.MaxLength)
}

func tooMany(value any, node *structuralschema.Structural) string {
	if node == nil || node.ValueValidation == nil {
		return "there are too many entries here"
	}
	switch value := value.(type) {
	case []any:
		if limit := node.ValueValidation.MaxItems; limit != nil {
			return fmt.Sprintf("there are %d entries: write at most %d", len(value), *limit)
		}
	case map[string]any:
		if limit := node.ValueValidation.MaxProperties; limit != nil {
			return fmt.Sprintf("there are %d entries: write at most %d", len(value), *limit)
		}
	}
	return "there are too many entries here"
}

// isDuration reports that a field is a v1alpha1.Duration, which the rule that
// checks its form gives away.
func isDuration(node *structuralschema.Structural) bool {
	for _, rule := range node.XValidations {
		if strings.Contains(rule.Message, "duration") {
			return true
		}
	}
	return false
}
