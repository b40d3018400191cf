package manifest_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/ringhold/ringhold/api/manifest"
)

// Whatever the bytes, Parse answers with a service that it takes again, or
// with faults of one line each.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, seed := range []string{
		"", "---\n--- x\n", "a: &a [*a]\n", "{\"a\":1}", head + stream + "  handlers: [{service: a, stream: accounts, on: yes}]\n",
		head + "  <<: {slots: 3}\n  ? [a]\n  : 1\n", head + "  eventMetadata: {\"a.b[0]\": 1, 1: x, ~: y, on: 2}\n",
		head + "  pod: {env: [null, {name: 1}], resources: {limits: {cpu: 1e999}}}\n  podTemplate: [[[]]]\n",
		head + "  streams: [{name: a, unload: {memoryLimit: 1e99999, onEvents: {\"]\": 1}}}]\n", "metadata: {name: 1}\n" + head,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		service, err := manifest.Parse("f.yaml", data)
		if err != nil {
			checkFaults(t, err)
			return
		}
		again, err := yaml.Marshal(service)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := manifest.Parse("f.yaml", again); err != nil {
			t.Fatalf("what was read is refused: %v\n%s", err, again)
		}
	})
}

func checkFaults(t *testing.T, err error) {
	t.Helper()
	var faults *manifest.Error
	if !errors.As(err, &faults) || len(faults.Faults) == 0 {
		t.Fatalf("err = %v, want an *Error with faults", err)
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != len(faults.Faults) {
		t.Errorf("%d lines for %d faults:\n%v", lines, len(faults.Faults), err)
	}
	for _, fault := range faults.Faults {
		if fault.Message == "" || fault.Line < 0 {
			t.Errorf("fault says nothing: %+v", fault)
		}
	}
}
