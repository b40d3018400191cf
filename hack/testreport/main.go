// Command testreport judges runs of `go test -json`.
//
//	go test -json ./... | go run ./hack/testreport
//
// It prints a line for each package, everything that failed tests wrote, the list of skipped tests with their reasons,
// and as its last line `N passed, N failed, N skipped`. It exits with 1 if a test failed. With CI=true in the environment
// a skipped test fails the run too: there, every need of a test has to be met.
//
// A run of several stages keeps what each found with -record FILE, which leaves the end out, and prints it once:
//
//	testreport -summary DIR
//
// DIR holds NAME.json, the record of stage NAME, and NAME.failed if the stage failed. A stage that failed without a
// failed test counts as one failure.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/ringhold/ringhold/hack/internal/testrun"
)

func main() {
	record := flag.String("record", "", "save what was found to this `file` and leave the summary out")
	summary := flag.String("summary", "", "print the summary of all records in this `directory`; read no events")
	flag.Parse()

	ok, err := run(os.Stdin, os.Stdout, *record, *summary, os.Getenv("CI") == "true")
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, recordFile, summaryDir string, ci bool) (ok bool, err error) {
	if summaryDir != "" {
		r, err := summarise(summaryDir, ci)
		if err != nil {
			return false, err
		}
		testrun.PrintRecord(out, &r, ci)
		return r.OK(ci), nil
	}
	r, err := report(in, out)
	if err != nil {
		return false, err
	}
	if recordFile != "" {
		return r.OK(ci), r.Save(recordFile)
	}
	testrun.PrintRecord(out, &r, ci)
	return r.OK(ci), nil
}

// report prints packages as they end and returns what they add up to.
func report(in io.Reader, out io.Writer) (testrun.Record, error) {
	var r testrun.Record
	reader := testrun.Reader{
		Finished: func(p *testrun.Package) {
			testrun.PrintPackage(out, p)
			r.Add(p)
		},
		Stray: func(line string) { fmt.Fprintln(out, line) },
	}
	err := reader.Read(in)
	return r, err
}
