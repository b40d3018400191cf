package manifest

import (
	"os"
	"strings"
	"testing"

	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// A local run sees no updates; these rules of the same schema only speak in a
// cluster.
func TestUpdatesKeepWhatCannotChange(t *testing.T) {
	data, err := os.ReadFile("testdata/bank.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	const postgres = "postgres: {secretRef: {name: bank-db, key: url}}"
	for name, tt := range map[string]struct{ old, new, want string }{
		"nothing":       {"name: bank}", "name: bank}", ""},
		"replicas":      {"replicas: 3", "replicas: 5", ""},
		"secret":        {"name: bank-db", "name: other", ""},
		"slots":         {"slots: 256", "slots: 512", "spec.slots: slots cannot be changed"},
		"kind of store": {postgres, "embedded: {}", "spec.store: the kind of store cannot be changed"},
		"group":         {postgres, postgres + "\n    group: shop", "spec.store.group: the group cannot be changed"},
	} {
		t.Run(name, func(t *testing.T) {
			before := admitted(t, d, string(data))
			after := admitted(t, d, strings.Replace(string(data), tt.old, tt.new, 1))
			var got []string
			errs, _ := d.rules.Validate(t.Context(), nil, d.structural, after, before, celconfig.RuntimeCELCostBudget)
			for _, e := range errs {
				if line := e.Field + ": " + e.Detail; !strings.HasPrefix(line, "spec.replicas: the embedded store") {
					got = append(got, line)
				}
			}
			if all := strings.Join(got, "\n"); (tt.want == "") != (all == "") || !strings.HasPrefix(all, tt.want) {
				t.Errorf("got %q, want %q", all, tt.want)
			}
		})
	}
}

// admitted is a manifest with its defaults, whatever its rules say.
func admitted(t *testing.T, d *definition, text string) map[string]any {
	t.Helper()
	documents, faults := split([]byte(text))
	if len(faults) > 0 || len(documents) != 1 {
		t.Fatalf("%d documents, faults %v", len(documents), faults)
	}
	d.admit(documents[0])
	return documents[0].object
}
