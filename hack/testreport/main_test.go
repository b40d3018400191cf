package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	passes = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}
`
	skips = `{"Action":"run","Package":"q","Test":"TestB"}
{"Action":"output","Package":"q","Test":"TestB","Output":"    b_test.go:7: needs kind\n"}
{"Action":"skip","Package":"q","Test":"TestB"}
{"Action":"pass","Package":"q"}
`
	fails = `{"Action":"run","Package":"r","Test":"TestC"}
{"Action":"fail","Package":"r","Test":"TestC"}
{"Action":"fail","Package":"r"}
`
)

func TestRun_LastLineIsTheTotals(t *testing.T) {
	for _, c := range []struct {
		name, stream, last string
		ci, ok             bool
	}{
		{"all pass", passes, "1 passed, 0 failed, 0 skipped", true, true},
		{"skip on a user's machine", passes + skips, "1 passed, 0 failed, 1 skipped", false, true},
		{"skip in CI", passes + skips, "1 passed, 0 failed, 1 skipped", true, false},
		{"failure", passes + fails, "1 passed, 1 failed, 0 skipped", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			ok, err := run(strings.NewReader(c.stream), &out, "", "", c.ci)
			if err != nil {
				t.Fatal(err)
			}
			if ok != c.ok {
				t.Errorf("ok = %t", ok)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if last := lines[len(lines)-1]; last != c.last {
				t.Errorf("last line %q, want %q", last, c.last)
			}
		})
	}
}

func TestRun_SummaryAddsStagesUp(t *testing.T) {
	dir := t.TempDir()
	for stage, stream := range map[string]string{"race": passes + skips, "parity": passes, "e2e": fails} {
		var out bytes.Buffer
		if _, err := run(strings.NewReader(stream), &out, filepath.Join(dir, stage+".json"), "", false); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "passed, 0 failed") {
			t.Errorf("%s: a stage printed totals, which belong to the end of the run:\n%s", stage, out.String())
		}
	}
	// parity's tests passed, but the stage failed (a row names no test); lint has no tests; e2e's test says it all.
	for _, stage := range []string{"parity", "lint", "e2e"} {
		if err := os.WriteFile(filepath.Join(dir, stage+".failed"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	ok, err := run(strings.NewReader(""), &out, "", dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if ok {
		t.Error("a run with failed stages is good")
	}
	want := `failed:
  r TestC
  stage lint
  stage parity
skipped:
  q TestB: needs kind
2 passed, 3 failed, 1 skipped
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestRun_NothingSkippedIsSaid(t *testing.T) {
	var out bytes.Buffer
	if _, err := run(strings.NewReader(passes), &out, "", "", true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "nothing was skipped\n") {
		t.Error(out.String())
	}
}
