package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stream is a canned `go test -json` of one package: each test as "TestX pass", subtests before their parent.
func stream(results ...string) string {
	var text strings.Builder
	verdict := "pass"
	for _, r := range results {
		name, result, _ := strings.Cut(r, " ")
		if result == "fail" {
			verdict = "fail"
		}
		fmt.Fprintf(&text, `{"Action":"run","Package":"test/parity","Test":%q}`+"\n", name)
		fmt.Fprintf(&text, `{"Action":%q,"Package":"test/parity","Test":%q}`+"\n", result, name)
	}
	fmt.Fprintf(&text, `{"Action":%q,"Package":"test/parity"}`+"\n", verdict)
	return text.String()
}

// judge runs the program as in CI on a table of one row for each test cell and returns its verdict and output.
func judge(t *testing.T, events string, testCells ...string) (ok bool, output string) {
	t.Helper()
	return judgeWith(t, "true", []string{"memory", "sqlite"}, events, testCells...)
}

func judgeWith(t *testing.T, ci string, stores []string, events string, testCells ...string) (ok bool, output string) {
	t.Helper()
	t.Setenv("CI", ci)
	dir := t.TempDir()
	table := header
	for i, cell := range testCells {
		table += fmt.Sprintf("| Message | behaviour %d | %s |\n", i, cell)
	}
	tableFile, eventsFile := filepath.Join(dir, "parity.md"), filepath.Join(dir, "events.jsonl")
	for file, text := range map[string]string{tableFile: table, eventsFile: events} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	ok, err := run(t.Context(), &out, tableFile, stores, "", eventsFile, "")
	if err != nil {
		t.Fatal(err)
	}
	return ok, out.String()
}

func TestRun_Verdicts(t *testing.T) {
	both := []string{"TestX/memory pass", "TestX/sqlite pass", "TestX pass"}
	for _, c := range []struct {
		name   string
		events []string
		cells  []string
		fault  string // empty: the run is good
	}{
		{"passed on both stores", both, []string{"`TestX`"}, ""},
		{"a test may prove two rows", both, []string{"`TestX`", "`TestX`"}, ""},
		{"no store needed", []string{"TestX pass"}, []string{"`TestX` (no store)"}, ""},
		{"compiler and open rows need no test", both, []string{"`TestX`", "compiler: typed", "open: Alarms"}, ""},
		{"did not run", both, []string{"`TestX`", "`TestY`"}, "line 4: behaviour 1: TestY did not run"},
		{"second of two did not run", both, []string{"`TestX`, `TestY`"}, "TestY did not run"},
		{"failed", []string{"TestX/memory pass", "TestX/sqlite fail", "TestX fail"}, []string{"`TestX`"}, "TestX failed"},
		{"skipped", []string{"TestX skip"}, []string{"`TestX`"}, "TestX was skipped"},
		{"a store is missing", []string{"TestX/memory pass", "TestX pass"}, []string{"`TestX`"}, "TestX did not run on sqlite"},
		{"a store was skipped", []string{"TestX/memory pass", "TestX/sqlite skip", "TestX pass"}, []string{"`TestX`"}, "TestX was skipped on sqlite"},
		{"a part was skipped", append([]string{"TestX/memory/twice skip"}, both...), []string{"`TestX`"}, "TestX/memory/twice was skipped"},
		{"named by no row", append([]string{"TestLost pass"}, both...), []string{"`TestX`"}, "TestLost (test/parity) is named by no row"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ok, output := judge(t, stream(c.events...), c.cells...)
			if ok != (c.fault == "") {
				t.Errorf("ok = %t:\n%s", ok, output)
			}
			if !strings.Contains(output, c.fault) {
				t.Errorf("%q is missing in:\n%s", c.fault, output)
			}
		})
	}
}

func TestRun_AStoreThatTheMachineLacks(t *testing.T) {
	stores := []string{"memory", "postgres"}
	events := stream("TestX/memory pass", "TestX/postgres skip", "TestX pass")
	if ok, output := judgeWith(t, "", stores, events, "`TestX`"); !ok {
		t.Errorf("on a machine of one's own it is no fault:\n%s", output)
	}
	if ok, _ := judgeWith(t, "true", stores, events, "`TestX`"); ok {
		t.Error("in CI it is a fault")
	}
	missing := stream("TestX/memory pass", "TestX pass")
	if ok, _ := judgeWith(t, "", stores, missing, "`TestX`"); ok {
		t.Error("a store that did not run at all is a fault everywhere")
	}
	embedded := stream("TestX/memory skip", "TestX/postgres pass", "TestX pass")
	if ok, output := judgeWith(t, "", stores, embedded, "`TestX`"); ok || !strings.Contains(output, "TestX was skipped on memory") {
		t.Errorf("no machine lacks a store without a server:\n%s", output)
	}
}

func TestRun_ATestAnswersOnlyForItself(t *testing.T) {
	events := stream("TestX/memory pass", "TestX/sqlite pass", "TestX pass", "TestXY/memory skip", "TestXY pass")
	_, output := judge(t, events, "`TestX`", "`TestXY`")
	if strings.Contains(output, "line 3:") || !strings.Contains(output, "line 4:") {
		t.Errorf("what TestXY skips is TestXY's fault alone:\n%s", output)
	}
}

func TestRun_SameNameInTwoPackages(t *testing.T) {
	one := stream("TestX pass")
	ok, output := judge(t, one+strings.ReplaceAll(one, "test/parity", "test/parity/more"), "`TestX` (no store)")
	if ok || !strings.Contains(output, "TestX stands in test/parity and in test/parity/more") {
		t.Errorf("ok = %t:\n%s", ok, output)
	}
}

func TestRun_PackageThatFailsAsAWholeFails(t *testing.T) {
	events := stream("TestX pass") + `{"Action":"fail","Package":"test/parity/broken"}` + "\n"
	if ok, output := judge(t, events, "`TestX` (no store)"); ok {
		t.Errorf("a package that does not build was overlooked:\n%s", output)
	}
}

func TestRun_OpenRowsAreListed(t *testing.T) {
	_, output := judge(t, stream("TestX pass"), "`TestX` (no store)", "open: Alarms that fire")
	lines := strings.Split(strings.TrimSpace(output), "\n")
	want := []string{
		"parity: 2 rows: 1 tested (on memory, sqlite), 0 refused by the compiler, 1 open; 0 faults",
		"  open: Message: behaviour 1 (Alarms that fire)",
	}
	if !slices.Equal(lines[len(lines)-2:], want) {
		t.Errorf("got:\n%s", output)
	}
}
