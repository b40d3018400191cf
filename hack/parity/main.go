// Command parity holds docs/parity.md against the tests: every behaviour that the table lists has a test that ran and
// passed, on every store.
//
//	go run ./hack/parity                         run ./test/parity/... and judge it
//	go test -json ./test/parity/... | go run ./hack/parity -json -    judge a run that was made elsewhere
//
// The tables of docs/parity.md have the columns section, behaviour, and test or note. The last holds one of
//
//	`TestMessage_NewFillsIDs`, `TestMessage_Caused`    tests, each of which ran a subtest for each store and passed
//	`TestResponse_Kinds` (no store)                    tests that need no store
//	compiler: why                                      nothing to test, since its violation does not compile
//	open: title of the issue                           not built yet
//
// It fails if a test that is named did not run, was skipped or failed, or lacks a store (without CI=true
// postgres may be skipped, whose server a machine may lack); if a test of test/parity is named
// by no row; and if a row is there twice or cannot be read.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"github.com/ringhold/ringhold/hack/internal/testrun"
)

func main() {
	table := flag.String("table", "docs/parity.md", "the `file` with the rows")
	stores := flag.String("stores", "memory,sqlite,postgres", "the stores that each test has to pass on, comma separated")
	packages := flag.String("packages", "./test/parity/...", "the tests to run")
	events := flag.String("json", "", "judge the `go test -json` events in this `file` (- for standard input); run nothing")
	record := flag.String("record", "", "save the counts for testreport to this `file`")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ok, err := run(ctx, os.Stdout, *table, strings.Split(*stores, ","), *packages, *events, *record)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, tableFile string, stores []string, packages, eventsFile, recordFile string) (ok bool, err error) {
	text, err := os.ReadFile(tableFile)
	if err != nil {
		return false, fmt.Errorf("read the table: %w", err)
	}
	rows, faults := parseTable(string(text))

	finished, err := collect(ctx, out, packages, eventsFile)
	if err != nil {
		return false, err
	}
	var record testrun.Record
	for _, p := range finished {
		record.Add(p)
	}
	if recordFile != "" {
		if err := record.Save(recordFile); err != nil {
			return false, err
		}
	}

	faults = append(faults, check(rows, finished, stores, os.Getenv("CI") == "true")...)
	for _, fault := range faults {
		fmt.Fprintf(out, "%s: %s\n", tableFile, fault)
	}
	printSummary(out, rows, stores, len(faults))
	return len(faults) == 0 && len(record.Failures) == 0, nil
}

// collect returns the packages of the run, which it makes itself unless it is given the events of one.
func collect(ctx context.Context, out io.Writer, packages, eventsFile string) ([]*testrun.Package, error) {
	switch eventsFile {
	case "":
		return runTests(ctx, out, packages)
	case "-":
		return read(out, os.Stdin)
	default:
		file, err := os.Open(eventsFile)
		if err != nil {
			return nil, fmt.Errorf("open the events: %w", err)
		}
		defer file.Close()
		return read(out, file)
	}
}

// runTests runs the tests, never from the cache: what counts is this run. That tests fail is no error here.
func runTests(ctx context.Context, out io.Writer, packages string) ([]*testrun.Package, error) {
	command := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", packages)
	command.Stderr = os.Stderr
	events, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("run the tests: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("run the tests: %w", err)
	}
	finished, err := read(out, events)
	if exit := command.Wait(); err == nil && exit != nil && len(finished) == 0 {
		err = fmt.Errorf("run the tests: %w", exit)
	}
	return finished, err
}

func read(out io.Writer, events io.Reader) ([]*testrun.Package, error) {
	var finished []*testrun.Package
	reader := testrun.Reader{
		Finished: func(p *testrun.Package) {
			testrun.PrintPackage(out, p)
			finished = append(finished, p)
		},
		Stray: func(line string) { fmt.Fprintln(out, line) },
	}
	err := reader.Read(events)
	return finished, err
}

func printSummary(out io.Writer, rows []row, stores []string, faults int) {
	count := map[kind]int{}
	for _, r := range rows {
		count[r.kind]++
	}
	fmt.Fprintf(out, "parity: %d rows: %d tested (on %s), %d refused by the compiler, %d open; %d faults\n",
		len(rows), count[tested], strings.Join(stores, ", "), count[byCompiler], count[open], faults)
	for _, r := range rows {
		if r.kind == open {
			fmt.Fprintf(out, "  open: %s: %s (%s)\n", r.section, r.behaviour, r.note)
		}
	}
}
