package scaffold

import (
	"bytes"
	"context"
	"errors"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/api/manifest"
)

// goRun runs the go command in a directory, as a person would.
func goRun(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestANewModuleBuildsAndItsTestPasses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "My Tasks")
	var progress bytes.Buffer
	made, err := Init(t.Context(), Options{Dir: dir, Progress: &progress})
	if err != nil {
		t.Fatal(err)
	}
	if made.Name != "my-tasks" || made.Module != "example.com/my-tasks" || made.Dir != dir {
		t.Errorf("made %+v", made)
	}
	goRun(t, dir, "build", "-o", filepath.Join(t.TempDir(), "binary"), ".")
	goRun(t, dir, "vet", "./...")
	goRun(t, dir, "test", "./...")

	service, err := manifest.Load(filepath.Join(dir, "aggregateservice.yaml"))
	if err != nil || service.Name != "my-tasks" {
		t.Errorf("the manifest is not admitted, or has another name: %v", err)
	}
	for _, name := range made.Files {
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".go") {
			if formatted, err := format.Source(content); err != nil || !bytes.Equal(formatted, content) {
				t.Errorf("%s is not formatted: %v", name, err)
			}
		}
		if !strings.Contains(progress.String(), "wrote "+name+"\n") {
			t.Errorf("progress does not tell of %s", name)
		}
	}
	for _, name := range []string{".dockerignore", ".gitignore", "Dockerfile", "README.md", "aggregateservice.yaml", "go.mod",
		"internal/tasks/task.go", "internal/tasks/task_test.go", "internal/tasks/testdata/tasks/added@1.json", "main.go"} {
		if !slices.Contains(made.Files, name) {
			t.Errorf("there is no %s", name)
		}
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil || !strings.Contains(string(mod), "built from a checkout") {
		t.Errorf("go.mod does not say why it replaces Ringhold: %v\n%s", err, mod)
	}
}

func TestOnlyAnEmptyDirectoryIsTaken(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := checkDir(dir); err != nil {
		t.Errorf("with .git alone: %v", err)
	}
	name := filepath.Join(dir, "main.go")
	if err := os.WriteFile(name, []byte("package main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Init(t.Context(), Options{Dir: dir, Name: "Bad", Module: "also bad"})
	for _, want := range []string{"is not empty (main.go)", `the name "Bad"`, `the module path "also bad"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	if _, err := Init(t.Context(), Options{Dir: name}); err == nil || !strings.Contains(err.Error(), "is a file") {
		t.Errorf("a file as directory: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("something was written: %v %v", entries, err)
	}
}

func TestNames(t *testing.T) {
	for dir, want := range map[string]string{
		"/src/bank": "bank", "/src/My Bank": "my-bank", "/src/2fast_": "fast", "/src/" + strings.Repeat("a", 60): strings.Repeat("a", 45), "/": "", "/src/é": "",
	} {
		if got := nameOf(dir); got != want {
			t.Errorf("the directory %s gives the name %q, want %q", dir, got, want)
		}
	}
	for _, name := range []string{"", "Bank", "-a", "a-", "a_b", "1a", strings.Repeat("a", 46)} {
		if checkName(name) == nil {
			t.Errorf("the name %q is taken", name)
		}
	}
	for _, path := range []string{"", "a b", "/a", "a//b", "a/../b", "-a", "cmd/x", "std", ringhold, ringhold + "/x", "example.com/internal", `a"b`} {
		if checkModule(path) == nil {
			t.Errorf("the module path %q is taken", path)
		}
	}
	for path, binary := range map[string]string{"bank": "bank", "example.com/bank": "bank", "example.com/bank/v2": "bank", "example.com/tasks": "tasks"} {
		if err := checkModule(path); err != nil || binaryOf(path) != binary {
			t.Errorf("%s: binary %q, want %q; %v", path, binaryOf(path), binary, err)
		}
	}
}

func TestWhereABinaryCameFrom(t *testing.T) {
	for _, c := range []struct {
		path, version, sum string
		want               string
	}{
		{ringhold, "v0.3.0", "h1:x", "v0.3.0"}, // go install …@latest
		{ringhold, "v0.3.0", "", "v0.3.0"},     // built from the release's commit
		{ringhold, "v0.3.1-0.20260101000000-0123456789ab", "h1:x", "v0.3.1-0.20260101000000-0123456789ab"},
		{ringhold, "v0.3.1-0.20260101000000-0123456789ab", "", ""},
		{ringhold, "v0.3.0+dirty", "", ""},
		{ringhold, "(devel)", "", ""},
		{ringhold, "", "", ""},
		{"example.com/other", "v1.0.0", "h1:x", ""},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Path: c.path, Version: c.version, Sum: c.sum}}
		if got := published(info); got != c.want {
			t.Errorf("%s@%s %s: %q, want %q", c.path, c.version, c.sum, got, c.want)
		}
	}
}

func TestARelease(t *testing.T) {
	source, err := ParseSource("v0.3.0")
	if err != nil {
		t.Fatal(err)
	}
	files, err := render(Options{Dir: t.TempDir(), Module: "example.com/bank", Name: "bank", Source: source})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text := string(f.content)
		if f.path == "go.mod" && !strings.Contains(text, "require "+ringhold+" v0.3.0\n") {
			t.Errorf("go.mod does not require the release:\n%s", text)
		}
		if strings.Contains(text, "checkout") || strings.Contains(text, "replace") {
			t.Errorf("%s speaks of a checkout:\n%s", f.path, text)
		}
	}
}

func TestACheckout(t *testing.T) {
	source, err := SourceOfBinary()
	if err != nil || !isCheckout(source.Checkout) {
		t.Fatalf("%+v, %v", source, err)
	}
	if got := source.replacement(filepath.Join(source.Checkout, "a", "b")); got != "../.." {
		t.Errorf("within the checkout the replacement is %s, want ../..", got)
	}
	if got := source.replacement(t.TempDir()); got != source.Checkout {
		t.Errorf("elsewhere the replacement is %s, want %s", got, source.Checkout)
	}
	if got := (Source{Checkout: "/a b"}).replacement("/c"); got != `"/a b"` {
		t.Errorf("with a space in it the replacement is %s", got)
	}
	for _, bad := range []string{t.TempDir(), "1.0.0"} {
		if _, err := ParseSource(bad); err == nil {
			t.Errorf("%q is taken for Ringhold", bad)
		}
	}
}

func TestAnEndedContextIsTheError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Init(ctx, Options{Dir: filepath.Join(t.TempDir(), "bank")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
