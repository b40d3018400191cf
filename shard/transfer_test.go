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
	wrong(t, map[string]string{
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
		"import -f MANIFEST --discard -i MANIFEST":              "leave out --input",
		"import -f MANIFEST --discard --from lines":             "leave out --from",
		"import -f MANIFEST --discard --slots 8":                "leave out --slots",
		"import -f MANIFEST --discard --dry-run":                "leave out --dry-run",
		"import -f MANIFEST --discard --allow-unknown":          "leave out --allow-unknown",
	})
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

// A file that is there stays, whatever an import into it is refused for; an export is
// looked at before anything is stored, too; streams that the binary hosts nowhere are
// those of others.
func TestImport_IntoAFileThatIsThere(t *testing.T) {
	dir := t.TempDir()
	store, file := "sqlite:"+filepath.Join(dir, "bank.db"), filepath.Join(dir, "bank.jsonl")
	does := func(stdin string, args ...string) (string, error) {
		root, out := command(args...)
		root.SetIn(strings.NewReader(stdin))
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	opened := `{"stream":"accounts","id":"a","type":"opened","data":{"owner":"Ada"}}` + "\n"
	if out, err := does(opened, "import", "-f", bankManifest, "--store", store, "--from", "lines"); err != nil {
		t.Fatal(err, out)
	}
	for range 2 {
		if _, err := does(opened+"x\n", "import", "--group", "default.other", "--slots", "8", "--store", store, "--from", "lines"); err == nil {
			t.Error("a line that is none is imported")
		}
	}
	if out, err := does("", "export", "-f", bankManifest, "--store", store, "-o", file); err != nil || !strings.Contains(out, "exported 1 events") {
		t.Fatalf("what was there is gone: %v %s", err, out)
	}
	manifest, err := os.ReadFile(bankManifest)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.yaml")
	if err := os.WriteFile(other, []byte(strings.Replace(string(manifest), "slots: 256", "slots: 64", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ manifest, want string }{
		"other slots":  {other, "write slots: 256"},
		"other stream": {"../examples/releases/aggregateservice.yaml", "declares no stream"},
	} {
		for _, dry := range []string{"--dry-run", "--quiet"} {
			made := filepath.Join(dir, "made.db")
			if _, err := does("", "import", "-f", c.manifest, "--store", "sqlite:"+made, "-i", file, dry); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s %s: %v", name, dry, err)
			}
			if _, err := os.Stat(made); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s %s left a file: %v", name, dry, err)
			}
		}
	}
}
