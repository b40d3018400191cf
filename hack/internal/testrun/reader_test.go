package testrun_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/hack/internal/testrun"
)

// testdata/run.jsonl is what `go test -json ./...` (Go 1.26) wrote about packages that end in every way there is.
func readRun(t *testing.T) map[string]*testrun.Package {
	t.Helper()
	file, err := os.Open("testdata/run.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	packages := map[string]*testrun.Package{}
	reader := testrun.Reader{Finished: func(p *testrun.Package) { packages[testrun.Short(p.Path)] = p }}
	if err := reader.Read(file); err != nil {
		t.Fatal(err)
	}
	return packages
}

func TestReader_CountsEachWayToEnd(t *testing.T) {
	packages := readRun(t)
	for name, want := range map[string]struct {
		result                  testrun.Result
		passed, failed, skipped int
	}{
		"good":   {testrun.Passed, 4, 0, 0},
		"skips":  {testrun.Passed, 1, 0, 3},
		"fails":  {testrun.Failed, 3, 2, 0}, // a parent that fails by itself counts beside its passed subtest
		"panics": {testrun.Failed, 1, 1, 0}, // the subtest that was running
		"broken": {testrun.Failed, 0, 0, 0},
		"exits":  {testrun.Failed, 1, 0, 0},
		"none":   {testrun.Skipped, 0, 0, 0},
	} {
		p, ok := packages[name]
		if !ok {
			t.Errorf("%s: never finished", name)
			continue
		}
		if p.Result != want.result || p.Count(testrun.Passed) != want.passed ||
			p.Count(testrun.Failed) != want.failed || p.Count(testrun.Skipped) != want.skipped {
			t.Errorf("%s: %s with %d passed, %d failed, %d skipped; want %+v", name, p.Result,
				p.Count(testrun.Passed), p.Count(testrun.Failed), p.Count(testrun.Skipped), want)
		}
	}
}

func TestTest_Reason(t *testing.T) {
	want := map[string]string{
		"TestServer":          "needs PostgreSQL: set RINGHOLD_TEST_POSTGRES or start it with make postgres",
		"TestSilent":          "no reason given",
		"TestStores/postgres": "no server",
	}
	for _, test := range readRun(t)["skips"].Tests {
		if reason, ok := want[test.Name]; ok && test.Reason() != reason {
			t.Errorf("%s: reason %q, want %q", test.Name, test.Reason(), reason)
		}
	}
}

func TestReader_BuildErrorsBelongToTheirPackage(t *testing.T) {
	output := strings.Join(readRun(t)["broken"].Output, "")
	if !strings.Contains(output, "undefined: undefined") {
		t.Errorf("the compiler's error is missing: %q", output)
	}
}

func TestReader_StreamThatBreaksOffFails(t *testing.T) {
	var finished []*testrun.Package
	var stray []string
	reader := testrun.Reader{
		Finished: func(p *testrun.Package) { finished = append(finished, p) },
		Stray:    func(line string) { stray = append(stray, line) },
	}
	err := reader.Read(strings.NewReader(`{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestSlow"}
signal: killed`))
	if err != nil {
		t.Fatal(err)
	}
	if len(finished) != 1 || finished[0].Result != testrun.Failed || finished[0].Count(testrun.Failed) != 1 {
		t.Errorf("finished %+v, want one failed package with one failed test", finished)
	}
	if !slices.Equal(stray, []string{"signal: killed"}) {
		t.Errorf("stray lines %q", stray)
	}
}

func TestReader_SamePackageTwice(t *testing.T) {
	var record testrun.Record
	reader := testrun.Reader{Finished: record.Add}
	one := `{"Action":"run","Package":"p","Test":"FuzzA"}
{"Action":"pass","Package":"p","Test":"FuzzA"}
{"Action":"pass","Package":"p"}
`
	if err := reader.Read(strings.NewReader(one + strings.ReplaceAll(one, "FuzzA", "FuzzB"))); err != nil {
		t.Fatal(err)
	}
	if got := record.Totals(); got != "2 passed, 0 failed, 0 skipped" {
		t.Error(got)
	}
}

func TestReader_BenchmarksAreNotTests(t *testing.T) {
	var record testrun.Record
	reader := testrun.Reader{Finished: record.Add}
	err := reader.Read(strings.NewReader(`{"Action":"run","Package":"p","Test":"BenchmarkAppend"}
{"Action":"output","Package":"p","Test":"BenchmarkAppend","Output":"BenchmarkAppend-2 1 ns/op\n"}
{"Action":"pass","Package":"p"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := record.Totals(); got != "0 passed, 0 failed, 0 skipped" {
		t.Error(got)
	}
}

func TestRecord_EndOfARun(t *testing.T) {
	packages := readRun(t)
	var record testrun.Record
	for _, name := range []string{"broken", "exits", "fails", "skips"} {
		record.Add(packages[name])
	}
	var out bytes.Buffer
	testrun.PrintRecord(&out, &record, false)
	want := `failed:
  broken (the package as a whole)
  exits (the package as a whole)
  fails TestStores/sqlite
  fails TestParent
skipped:
  skips TestServer: needs PostgreSQL: set RINGHOLD_TEST_POSTGRES or start it with make postgres
  skips TestSilent: no reason given
  skips TestStores/postgres: no server
5 passed, 4 failed, 3 skipped
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestRecord_SkipsFailOnlyInCI(t *testing.T) {
	var record testrun.Record
	record.Add(readRun(t)["skips"])
	if !record.OK(false) {
		t.Error("a skipped test failed the run on a user's machine")
	}
	if record.OK(true) {
		t.Error("a skipped test passed in CI")
	}
}

func TestRecord_SurvivesItsFile(t *testing.T) {
	var record testrun.Record
	for _, p := range readRun(t) {
		record.Add(p)
	}
	path := filepath.Join(t.TempDir(), "race.json")
	if err := record.Save(path); err != nil {
		t.Fatal(err)
	}
	loaded, err := testrun.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Totals() != record.Totals() {
		t.Errorf("loaded %q, saved %q", loaded.Totals(), record.Totals())
	}
}

func TestPrintPackage_ShowsAllThatAFailedTestWrote(t *testing.T) {
	packages := readRun(t)
	for name, want := range map[string][]string{
		"fails":  {"head is 3", "want 4", "left a row behind"},
		"panics": {"panic: boom", "TestStuck/inner", "the process ended while this test ran"},
		"broken": {"undefined: undefined"},
		"exits":  {"found a leaked goroutine"},
	} {
		var out bytes.Buffer
		testrun.PrintPackage(&out, packages[name])
		for _, text := range want {
			if !strings.Contains(out.String(), text) {
				t.Errorf("%s: %q is missing in:\n%s", name, text, out.String())
			}
		}
		if strings.Contains(out.String(), "never seen") {
			t.Errorf("%s: shows what a passed test wrote", name)
		}
	}
	for _, name := range []string{"good", "skips"} {
		var out bytes.Buffer
		testrun.PrintPackage(&out, packages[name])
		if strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%s: more than a line:\n%s", name, out.String())
		}
	}
}
