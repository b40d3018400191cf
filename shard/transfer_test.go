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
		"import -f MANIFEST --discard -i MANIFEST":              "--discard reads no file",
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

// What a manifest and a binary do not know is found before anything is stored, by
// a dry run too, unless it is allowed; nothing that is refused leaves a file.
func TestImport_RefusedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "made", "target.db")
	opened := `{"stream":"accounts","id":"a","type":"opened","data":{"owner":"Ada"}}` + "\n"
	for name, c := range map[string]struct{ text, want string }{
		"stream": {opened + strings.Replace(opened, "accounts", "orders", 1), `line 2: the manifest declares no stream "orders", there are: accounts`},
		"event":  {opened + strings.Replace(opened, "opened", "opend", 1), `line 2: the aggregate of stream "accounts" reads no event "opend"`},
		"schema": {strings.Replace(opened, `"data"`, `"schema_version":9,"data"`, 1), `reads no event "opened" with schema_version 9`},
		"late":   {strings.Replace(opened, `"data"`, `"recorded_at":"2999-01-01T00:00:00Z","data"`, 1), "the clock says"},
		"empty":  {"", "it is empty"},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, how := range [][]string{{"-i", file, "--dry-run"}, {"-i", file}, nil} {
			root, out := command(append([]string{"import", "-f", bankManifest, "--from", "lines", "--store", "sqlite:" + target}, how...)...)
			root.SetIn(strings.NewReader(c.text))
			if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s %v: %v, output %q", name, how, err, out)
			}
			if _, err := os.Stat(target); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("%s %v left a file: %v", name, how, err)
			}
		}
		if name == "empty" || name == "late" {
			continue
		}
		root, out := command("import", "-f", bankManifest, "--from", "lines", "-i", file, "--dry-run", "--allow-unknown")
		if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), "the file is right") {
			t.Errorf("%s, allowed: %v %s", name, err, out)
		}
	}
}
