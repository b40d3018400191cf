package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What `ringhold init` makes builds, passes its test, and serves.
func TestInit_BuildsTestsAndServes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "orders")
	if r := run(t, ringhold, "init", dir); r.code != 0 {
		t.Fatal(r.out)
	}
	inDir := func(args ...string) {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
	inDir("vet", "./...")
	inDir("test", "./...")
	binary := filepath.Join(t.TempDir(), "own")
	inDir("build", "-o", binary, ".")
	manifests, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(manifests) != 1 {
		t.Fatalf("manifests: %v %v", manifests, err)
	}
	d := startDev(t, binary, manifests[0])
	r := run(t, binary, "catalogue")
	contains(t, r.out, `"aggregates"`, `"commands"`)
	d.stop()
	contains(t, d.out.String(), "service", "try")
	if r := run(t, ringhold, "init", dir); r.code == 0 || !strings.Contains(r.out, "empty") {
		t.Errorf("init over what is there: %s", r.out)
	}
	if _, err := os.Stat(filepath.Join(dir, "Dockerfile")); err != nil {
		t.Error(err)
	}
}
