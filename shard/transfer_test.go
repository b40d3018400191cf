package shard_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A wrong command line of export and import ends with 2, and makes nothing.
func TestWrongTransfers(t *testing.T) {
	t.Chdir(t.TempDir())
	manifest := filepath.Join(repository(t), "examples/bank/aggregateservice.yaml")
	t.Setenv("RINGHOLD_STORE", "")
	for args, want := range map[string]string{
		"export extra":                                          `"extra"`,
		"import extra":                                          `"extra"`,
		"export -f MANIFEST --resume":                           "name it with -o",
		"export -f MANIFEST --hash-only --live":                 "writes no file",
		"export -f MANIFEST --hash-only -o f":                   "writes no file",
		"export -f MANIFEST --store memory:":                    "gone with its process",
		"export -f MANIFEST --store sqlite:f --data d":          "leave it out with --store",
		"export --group default.bank":                           "give --store or --data",
		"import --group default.bank":                           "give --store or --data",
		"import -f MANIFEST --from nothing":                     "neither export nor lines",
		"import -f MANIFEST --slots 8":                          "--slots goes with",
		"import --group g --from lines --slots 7":               "power of two",
		"import --group g --from lines --store sqlite:f":        "needs the number of slots",
		"import -f MANIFEST -i nowhere --store sqlite:f":        "nowhere",
		"import -f MANIFEST -i nowhere --dry-run":               "nowhere",
		"import -f MANIFEST --store sqlite:f -i MANIFEST":       "line 1: it is not the header",
		"import -f MANIFEST --store nonsense -i MANIFEST":       "--store is none of",
		"import -f MANIFEST --dry-run -i MANIFEST -q":           "line 1: it is not the header",
		"import -f MANIFEST --from lines --dry-run -i MANIFEST": "line 1: it is not the JSON",
	} {
		root, out := command(strings.Fields(strings.ReplaceAll(args, "MANIFEST", manifest))...)
		err := root.ExecuteContext(t.Context())
		var coded interface{ ExitCode() int }
		if err == nil || !errors.As(err, &coded) || coded.ExitCode() != 2 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, output %q", args, err, out)
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// A store that is not there is not made by an export, and an import is told of
// the group in the file.
func TestTransferNames(t *testing.T) {
	dir := t.TempDir()
	root, _ := command("export", "-f", bankManifest, "--data", filepath.Join(dir, "none"))
	if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no store at") {
		t.Errorf("error is %v", err)
	}
	root, out := command("migrate", "-f", bankManifest, "--data", dir)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err, out)
	}
	file := filepath.Join(dir, "empty.jsonl.gz")
	root, out = command("export", "-f", bankManifest, "--data", dir, "-o", file)
	if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), "exported 0 events") {
		t.Fatal(err, out)
	}
	target := "sqlite:" + filepath.Join(dir, "other.db")
	root, _ = command("import", "-f", "../examples/releases/aggregateservice.yaml", "--store", target, "-i", file)
	if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "give --group default.releases") {
		t.Errorf("error is %v", err)
	}
	for _, where := range [][]string{{"-f", bankManifest}, {"--group", "default.other"}} {
		root, out = command(append([]string{"import", "--store", target, "-i", file}, where...)...)
		if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), "imported 0 events") {
			t.Error(err, out)
		}
	}
	if left, err := os.ReadDir(filepath.Join(dir, "none")); err == nil {
		t.Errorf("export made %v", left)
	}
}
