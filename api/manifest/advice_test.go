package manifest

import (
	"slices"
	"strings"
	"testing"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

// A pattern or a required field that is new in the schema needs words here.
func TestAdviceCoversSchema(t *testing.T) {
	d, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	patterns, required := 0, 0
	visit(d.structural, "", func(path string, node *structuralschema.Structural) {
		if node.ValueValidation == nil {
			return
		}
		if pattern := node.ValueValidation.Pattern; pattern != "" {
			patterns++
			if _, ok := patternAdvice[pattern]; !ok {
				t.Errorf("%s: no advice for pattern %s", path, pattern)
			}
		}
		for _, name := range node.ValueValidation.Required {
			required++
			if field := joinPath(path, name); missingAdvice[field] == "" {
				t.Errorf("%s: no advice for the field when it is missing", field)
			}
		}
	})
	if patterns < 4 || required < 5 {
		t.Errorf("visited %d patterns and %d required fields, too few", patterns, required)
	}
}

// Rules are what a cluster's user reads, word for word.
func TestRulesSpeakToPeople(t *testing.T) {
	d, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	rules := 0
	visit(d.structural, "", func(path string, node *structuralschema.Structural) {
		for _, rule := range node.XValidations {
			rules++
			said := slices.ContainsFunc([]string{"write ", "remove ", "create another"}, func(s string) bool { return strings.Contains(rule.Message, s) })
			if !said && !strings.HasPrefix(path, "metadata") {
				t.Errorf("%s: %q does not say what to write instead", path, rule.Message)
			}
		}
	})
	if rules < 20 {
		t.Errorf("visited %d rules, too few", rules)
	}
}

// visit walks the schema of what a user writes, but for the parts that are
// copied from Kubernetes.
func visit(node *structuralschema.Structural, path string, do func(string, *structuralschema.Structural)) {
	if lastField(path) == "pod" || path == "status" {
		return
	}
	do(path, node)
	for name, property := range node.Properties {
		visit(&property, joinPath(path, name), do)
	}
	if node.Items != nil {
		visit(node.Items, path, do)
	}
	if node.AdditionalProperties != nil && node.AdditionalProperties.Structural != nil {
		visit(node.AdditionalProperties.Structural, path, do)
	}
}

func TestNearest(t *testing.T) {
	fields := []string{"service", "stream", "command", "on", "id", "generateID", "access"}
	for written, want := range map[string]string{
		"servce": "service", "Service": "service", "srevice": "service", "generateId": "generateID",
		"onn": "on", "ID": "id", "acces": "access", "no": "on", "replicas": "", "x": "", "": "",
		strings.Repeat("s", 1000): "",
	} {
		if got := nearest(written, fields); got != want {
			t.Errorf("nearest(%.20q) = %q, want %q", written, got, want)
		}
	}
}

func TestSnake(t *testing.T) {
	for written, want := range map[string]string{
		"OpenAccount": "open_account", "openAccount": "open_account", "open-account": "open_account",
		"ACCOUNTS": "accounts", "accounts": "accounts", "open account": "open_account", "": "",
	} {
		if got := snake(written); got != want {
			t.Errorf("snake(%q) = %q, want %q", written, got, want)
		}
	}
}
