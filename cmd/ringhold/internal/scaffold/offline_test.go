package scaffold

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Tidying asks for what the tests of dependencies need. Where that cannot be
// had, the module has to build all the same, and its maker is told.
func TestWithoutANetwork(t *testing.T) {
	goCommand, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	// With .exe it is found on Windows, and elsewhere not: there are both.
	for _, name := range []string{"go", "go.exe"} {
		goRun(t, ".", "build", "-o", filepath.Join(bin, name), "./testdata/offline")
	}
	dir := filepath.Join(t.TempDir(), "bank")
	t.Setenv("REAL_GO", goCommand)
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	made, err := Init(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if made.Untidy == nil || !strings.Contains(made.Untidy.Error(), "no such host") {
		t.Errorf("the reason is lost: %v", made.Untidy)
	}
	t.Setenv("PATH", strings.TrimPrefix(os.Getenv("PATH"), bin+string(os.PathListSeparator)))
	goRun(t, dir, "build", "-o", filepath.Join(bin, "bank"), ".")
	goRun(t, dir, "test", "./...")
}
