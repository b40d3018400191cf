package manifest_test

import (
	"testing"

	"github.com/ringhold/ringhold/api/manifest"
)

func TestLocate(t *testing.T) {
	const text = `apiVersion: v1
kind: Secret
---
apiVersion: ringhold.dev/v1alpha1
kind: AggregateService
spec:
  streams:
    - name: accounts
  handlers:
    - {service: open, stream: accounts, on: New}
    - service: close
      id: number
`
	faults := []manifest.Fault{{Path: "spec.handlers[1].id", Message: "one"}, {Path: "spec.streams[0].name", Message: "two"}, {Path: "spec.handlers[0].id", Message: "three"}}
	want := "f.yaml:8: spec.streams[0].name: two\nf.yaml:10: spec.handlers[0].id: three\nf.yaml:12: spec.handlers[1].id: one"
	if got := manifest.Locate("f.yaml", []byte(text), faults).Error(); got != want {
		t.Errorf("located\n%s\nwant\n%s", got, want)
	}
	if got := manifest.Locate("f.yaml", nil, faults[:1]).Error(); got != "f.yaml: spec.handlers[1].id: one" {
		t.Errorf("without the file: %s", got)
	}
}
