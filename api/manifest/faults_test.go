package manifest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/api/manifest"
)

const stream = "  streams: [{name: accounts}]\n"

// Each kind of fault, with the whole of what a person reads.
func TestFaults(t *testing.T) {
	long := strings.Repeat("a", 300)
	for _, tt := range []struct{ name, in, want string }{
		// The file.
		{"empty", "# nothing\n---\n", "f.yaml: the file is empty: write an AggregateService, with apiVersion: ringhold.dev/v1alpha1 and kind: AggregateService"},
		{"not YAML", "a: 1\nb: [\n", "f.yaml:2: this is not YAML: did not find expected node content"},
		{"not YAML in a later document", "a: 1\n---\nb: [\n", "f.yaml:3: this is not YAML: did not find expected node content"},
		{"not a resource", "- a\n", "f.yaml:1: this is a list, not a resource: write apiVersion, kind, metadata and spec"},
		{"other kinds only", "apiVersion: v1\nkind: Secret\n---\napiVersion: v1\nkind: ConfigMap\n", "f.yaml: there is no AggregateService here, only Secret, ConfigMap: write one with apiVersion: ringhold.dev/v1alpha1 and kind: AggregateService"},
		{"two services", head + "---\n" + head, "f.yaml:7: this is a second AggregateService, the first is on line 1: write each into a file of its own"},
		{"separator", "--- foo\n" + head, `f.yaml:1: "foo" follows the separator ---: write it on a line of its own`},
		{"no apiVersion", "kind: AggregateService\n", "f.yaml:1: apiVersion: this is missing or no version: write ringhold.dev/v1alpha1"},
		{"no kind", "apiVersion: ringhold.dev/v1alpha1\n", "f.yaml:1: kind: this is missing or no kind: write AggregateService"},
		{"version", "kind: AggregateService\napiVersion: ringhold.dev/v1\n", `f.yaml:2: apiVersion: "ringhold.dev/v1" is not known: write ringhold.dev/v1alpha1`},
		{"kind", "apiVersion: ringhold.dev/v1alpha1\nkind: AggregateServce\n", `f.yaml:2: kind: "AggregateServce" is not a kind of ringhold.dev/v1alpha1: write AggregateService`},

		// Metadata.
		{"no name, no spec", "apiVersion: ringhold.dev/v1alpha1\nkind: AggregateService\n", "f.yaml:1: metadata.name: this is missing: write the service's name, such as name: bank\n" +
			"f.yaml:1: spec: this is missing: write what the service consists of: store, streams and handlers"},
		{"name", strings.Replace(head, "bank", "Bank", 1), `f.yaml:3: metadata.name: "Bank" is no name: write at most 45 lower-case letters, digits and -, starting with a letter, such as bank`},
		{"name with a dot", strings.Replace(head, "bank", "my.bank", 1), "f.yaml:3: metadata: Services and labels are named after metadata.name: write at most 45 lower-case letters, digits and -, starting with a letter, such as bank"},
		{"name is a number", strings.Replace(head, "bank", "5", 1), `f.yaml:3: metadata.name: 5 is a number, text is wanted: write "5"`},
		{"metadata is text", strings.Replace(head, "{name: bank}", "bank", 1), `f.yaml:3: metadata: "bank" is text: write a mapping, FIELD: VALUE`},
		{"unknown metadata", strings.Replace(head, "name: bank", "name: bank, lables: {}", 1), "f.yaml:3: metadata.lables: there is no such field: did you mean labels?"},

		// Fields that are not there, or twice.
		{"unknown near", head + "  slot: 4\n", "f.yaml:6: spec.slot: there is no such field: did you mean slots?"},
		{"unknown instead of required", head + stream + "  handlers:\n  - {servce: open, onn: New, stream: accounts}\n", "f.yaml:8: spec.handlers[0].onn: there is no such field: did you mean on?\n" +
			"f.yaml:8: spec.handlers[0].servce: there is no such field: did you mean service?"},
		{"unknown there", head + "  streams:\n  - {name: a, idleAfter: 5m}\n", "f.yaml:7: spec.streams[0].idleAfter: there is no such field here: write it under spec.streams[0].unload"},
		{"unknown at all", head + "  store2: 1\n  drain: {after: 5s}\n", "f.yaml:6: spec.store2: there is no such field: did you mean store?\n" +
			"f.yaml:7: spec.drain.after: there is no such field: write one of gracePeriod, linger, timeout, or remove it"},
		{"unknown on", head + "  on: New\n", "f.yaml:6: spec.on: there is no such field here: write it under spec.handlers[]"},
		{"unknown status", head + "status: {foo: 1}\n", "f.yaml:6: status.foo: there is no such field, and status is the operator's to write: remove it"},
		{"duplicate", head + "  slots: 4\n  slots: 8\n", "f.yaml:7: spec.slots: this is written twice, first on line 6: remove one of them"},
		{"duplicate on", head + stream + "  handlers:\n  - service: a\n    stream: accounts\n    on: New\n    on: Existing\n", "f.yaml:11: spec.handlers[0].on: this is written twice, first on line 10: remove one of them"},
		{"duplicate on, once quoted", head + stream + "  handlers:\n  - {service: a, stream: accounts, on: New, \"on\": Existing}\n", "f.yaml:8: spec.handlers[0].on: on is written twice: remove one of them"},
		{"missing", head + "  streams: [{}]\n  handlers: [{}]\n", "f.yaml:6: spec.streams[0].name: this is missing: write the name that the aggregate has in Go, such as name: accounts\n" +
			"f.yaml:7: spec.handlers[0].service: this is missing: write the name that messages are dispatched to, such as service: open_account"},

		// Values.
		{"text wanted", head + "  image: 5\n  eventMetadata: {app_version: 1.0, live: yes}\n", "f.yaml:6: spec.image: 5 is a number, text is wanted: write \"5\"\n" +
			"f.yaml:7: spec.eventMetadata.app_version: 1.0 is a number, text is wanted: write \"1.0\"\n" +
			"f.yaml:7: spec.eventMetadata.live: yes is a truth value, text is wanted: write \"yes\""},
		{"number wanted", head + "  slots: \"256\"\n  replicas: 1.5\n", "f.yaml:6: spec.slots: \"256\" is text: write 256, without quotes\n" +
			"f.yaml:7: spec.replicas: 1.5 is a number: write a whole number"},
		{"truth value wanted", head + "  suspend: \"yes\"\n", `f.yaml:6: spec.suspend: "yes" is text: write true or false`},
		{"list wanted", head + "  handlers: {service: x}\n", `f.yaml:6: spec.handlers: this is a mapping: write a list, each entry after "- "`},
		{"mapping wanted", head + "  drain: 5s\n", `f.yaml:6: spec.drain: "5s" is text: write a mapping, FIELD: VALUE`},
		{"entry without a value", head + "  handlers:\n  -\n", "f.yaml:7: spec.handlers[0]: this entry is empty: write a value, or remove it"},
		{"range", head + "  replicas: -1\n", "f.yaml:6: spec.replicas: -1 is not allowed: write a number from 0 to 16384"},
		{"length", head + "  handlers: [{service: " + long + "}]\n", "f.yaml:6: spec.handlers[0].service: this has 300 characters: write at most 255"},
		{"entries", head + "  handlers:\n" + strings.Repeat("  - {service: a}\n", 513), `f.yaml:6: spec.handlers: there are 513 entries: write at most 512` + "\n" +
			`f.yaml:8: spec.handlers[1].service: "a" is taken by spec.handlers[0]: write another service, or remove one of them`},
		{"names", head + "  streams: [{name: Accounts}]\n  handlers: [{service: open-account}, {service: 1a2b, stream: accounts, on: New}]\n",
			"f.yaml:6: spec.streams[0].name: \"Accounts\" is not allowed: write lower-case letters, digits and _, starting with a letter, such as accounts\n" +
				"f.yaml:7: spec.handlers[0].service: \"open-account\" is not allowed: write lower-case letters, digits, _ and ., starting with a letter, such as open_account\n" +
				"f.yaml:7: spec.handlers[1].service: \"1a2b\" is not allowed: write lower-case letters, digits, _ and ., starting with a letter"},
		{"enums", head + stream + "  deletionPolicy: delete\n  handlers: [{service: a, stream: accounts, on: Update, access: public}]\n",
			"f.yaml:7: spec.deletionPolicy: \"delete\" is not allowed: write Delete\n" +
				"f.yaml:8: spec.handlers[0].access: \"public\" is not allowed: write Public\n" +
				"f.yaml:8: spec.handlers[0].on: \"Update\" is not allowed: write New, Existing or MaybeNew"},
		{"quantity", head + "  streams: [{name: a, unload: {memoryLimit: lots}}]\n", `f.yaml:6: spec.streams[0].unload.memoryLimit: "lots" is not allowed: write a quantity such as 512Mi or 1Gi`},
		{"durations", head + "  streams:\n  - name: a\n    unload:\n      idleAfter: 10 minutes\n      onEvents:\n        closed: 5\n        opened: ''\n",
			"f.yaml:9: spec.streams[0].unload.idleAfter: \"10 minutes\": write a duration as numbers with units (ms, s, m, h), such as 500ms, 5s, 10m or 1h30m\n" +
				"f.yaml:11: spec.streams[0].unload.onEvents.closed: 5 is a number, without a unit: write a duration such as 500ms, 5s, 10m or 1h30m\n" +
				"f.yaml:12: spec.streams[0].unload.onEvents.opened: \"\": write a duration as numbers with units (ms, s, m, h), such as 500ms, 5s, 10m or 1h30m"},
		{"durations out of bounds", head + "  streams: [{name: a, unload: {idleAfter: 0s}}]\n  handlers: [{service: a, timeout: 6m}, {service: b, commitTimeout: 0s}]\n",
			"f.yaml:6: spec.streams[0].unload.idleAfter: \"0s\": write a duration above zero, such as 10m; 8760h keeps actors for a year\n" +
				"f.yaml:7: spec.handlers[0].timeout: \"6m\": write a duration above zero and at most 5m, such as 5s\n" +
				"f.yaml:7: spec.handlers[1].commitTimeout: \"0s\": write a duration above zero and at most 5m, such as 5s"},

		// Rules.
		{"slots", head + "  slots: 1000\n", "f.yaml:6: spec.slots: 1000: write a power of two from 1 to 16384, such as 256 or 1024"},
		{"replicas and slots", strings.Replace(head, "embedded: {}", "postgres: {secretRef: {name: db}}", 1) + "  slots: 2\n  replicas: 3\n", "f.yaml:7: spec.replicas: each member needs a slot of its own: write at most as many replicas as spec.slots"},
		{"replicas of an embedded store", head + "  replicas: 2\n", "f.yaml:6: spec.replicas: the embedded store is a file that one member opens: write replicas: 1, or a postgres store"},
		{"no store", strings.Replace(head, "store: {embedded: {}}", "suspend: false", 1), "f.yaml:4: spec.store: this is missing: write store: {embedded: {}} for a SQLite file, or store: {postgres: {secretRef: {name: NAME}}}"},
		{"two stores", strings.Replace(head, "{embedded: {}}", "{embedded: {}, postgres: {secretRef: {name: db}}}", 1), "f.yaml:5: spec.store: write exactly one store: either postgres: {secretRef: {name: NAME}} or embedded: {}"},
		{"embedded without braces", strings.Replace(head, "embedded: {}", "embedded: ", 1), "f.yaml:5: spec.store: write exactly one store: either postgres: {secretRef: {name: NAME}} or embedded: {}"},
		{"drain", head + "  drain: {timeout: 1m}\n", "f.yaml:6: spec.drain.gracePeriod: timeout and linger together must be shorter than gracePeriod, or the pod is killed before it has handed over: write a longer gracePeriod"},
		{"service twice", head + "  handlers:\n  - {service: a}\n  - {service: a}\n", `f.yaml:8: spec.handlers[1].service: "a" is taken by spec.handlers[0]: write another service, or remove one of them`},
		{"stream twice", head + "  streams:\n  - {name: a}\n  - {name: a}\n", `f.yaml:8: spec.streams[1].name: "a" is taken by spec.streams[0]: write another name, or remove one of them`},
		{"stream near", head + stream + "  handlers: [{service: a, stream: acounts, on: New}]\n", `f.yaml:7: spec.handlers[0].stream: "acounts" is not declared in spec.streams: did you mean accounts?`},
		{"stream unknown", head + stream + "  handlers: [{service: a, stream: loans, on: New}]\n", `f.yaml:7: spec.handlers[0].stream: "loans" is not declared in spec.streams: add - name: loans there, or write accounts`},
		{"no streams", head + "  handlers: [{service: a, stream: loans, on: New}]\n", `f.yaml:6: spec.handlers[0].stream: "loans" is not declared, there is no spec.streams: write streams: [{name: loans}]`},
		{"stream without on", head + stream + "  handlers: [{service: a, stream: accounts}]\n", "f.yaml:7: spec.handlers[0].on: a handler with a stream needs it: write on: New (creates the aggregate), on: Existing (the aggregate has to exist) or on: MaybeNew"},
		{"on without stream", head + "  handlers: [{service: a, on: New}]\n", "f.yaml:6: spec.handlers[0].on: on goes with a stream: write stream: NAME as well, or remove on if this is a plain service"},
		{"generateID", head + stream + "  handlers: [{service: a, stream: accounts, on: Existing, generateID: true}]\n", "f.yaml:7: spec.handlers[0].generateID: only a handler that may create its aggregate can make the id up: write on: New or on: MaybeNew, or remove generateID"},
		{"accessRule missing", head + "  handlers: [{service: a, access: Rule}]\n", "f.yaml:6: spec.handlers[0].accessRule: access: Rule needs it: write the CEL expression that allows a call, or another access"},
		{"accessRule unread", head + "  handlers: [{service: a, accessRule: 'true'}]\n", "f.yaml:6: spec.handlers[0].accessRule: accessRule is only read with access: Rule: write access: Rule, or remove accessRule"},

		// A rule that only fails because of another fault says nothing.
		{"misled rule", head + "  handlers: [{service: a, access: rule, accessRule: 'true'}]\n", `f.yaml:6: spec.handlers[0].access: "rule" is not allowed: write Rule`},
		{"misled rule, no value", head + stream + "  handlers: [{service: a, stream: 5, on: New}, {service: b, stream: accounts, on: 5}]\n",
			"f.yaml:7: spec.handlers[0].stream: 5 is a number, text is wanted: write \"5\"\n" +
				"f.yaml:7: spec.handlers[1].on: 5 is a number: write New, Existing or MaybeNew"},

		// A fault that keeps the API server from running rules hides none here.
		{"all at once", head + "  replicas: 2\n  slots: 3\n  image: 5\n  handlers: [{service: a, on: New, visibility: private}, {service: b, access: Rule}, {stream: loans, on: New}]\n",
			"f.yaml:6: spec.replicas: the embedded store is a file that one member opens: write replicas: 1, or a postgres store\n" +
				"f.yaml:7: spec.slots: 3: write a power of two from 1 to 16384, such as 256 or 1024\n" +
				"f.yaml:8: spec.image: 5 is a number, text is wanted: write \"5\"\n" +
				"f.yaml:9: spec.handlers[0].on: on goes with a stream: write stream: NAME as well, or remove on if this is a plain service\n" +
				"f.yaml:9: spec.handlers[0].visibility: \"private\" is not allowed: write Private\n" +
				"f.yaml:9: spec.handlers[1].accessRule: access: Rule needs it: write the CEL expression that allows a call, or another access\n" +
				"f.yaml:9: spec.handlers[2].service: this is missing: write the name that messages are dispatched to, such as service: open_account\n" +
				"f.yaml:9: spec.handlers[2].stream: \"loans\" is not declared, there is no spec.streams: write streams: [{name: loans}]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := manifest.Parse("f.yaml", []byte(tt.in))
			var faults *manifest.Error
			if !errors.As(err, &faults) {
				t.Fatalf("err = %v, want an *Error", err)
			}
			if got := err.Error(); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

func TestErrorKeepsFaultsApart(t *testing.T) {
	_, err := manifest.Parse("f.yaml", []byte(head+"  eventMetadata: {\"a\\nb\": 1}\n  slots: 3\n"))
	var faults *manifest.Error
	if !errors.As(err, &faults) || len(faults.Faults) != 2 || faults.File != "f.yaml" {
		t.Fatalf("err = %#v, want two faults of f.yaml", err)
	}
	if f := faults.Faults[1]; f.Line != 7 || f.Path != "spec.slots" {
		t.Errorf("fault = %+v, want spec.slots on line 7", f)
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 2 {
		t.Errorf("%d lines for two faults:\n%v", lines, err)
	}
}
