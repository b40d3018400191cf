package testrun

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Package is one finished run of a package's tests. A run may hold several of the same package (fuzzing runs one for
// each target).
type Package struct {
	Path    string
	Result  Result
	Elapsed time.Duration
	// Tests in the order in which they started, subtests included.
	Tests []*Test
	// Output is what no test wrote: errors of the build, what TestMain printed, the panic of a process.
	Output []string
	// Cached is set when Go answered from its cache and ran nothing.
	Cached bool

	byName map[string]*Test
}

// Test is one test, subtest, example or fuzz target.
type Test struct {
	Package string
	Name    string // with its parents: TestAppend/sqlite
	Result  Result // empty while it runs
	// Output is all that it wrote, without its subtests' part.
	Output []string

	hasSubtests bool
	subtestHas  map[Result]bool
}

// test returns the test of that name and knows it from then on.
func (p *Package) test(name string) *Test {
	if t, ok := p.byName[name]; ok {
		return t
	}
	t := &Test{Package: p.Path, Name: name, subtestHas: map[Result]bool{}}
	p.byName[name] = t
	p.Tests = append(p.Tests, t)
	return t
}

// end closes the package: what is still running has failed with its process, and parents learn what their subtests did.
func (p *Package) end(r Result, elapsed time.Duration) {
	p.Result, p.Elapsed = r, elapsed
	if r != Failed { // then what never ended is a benchmark
		p.Tests = slices.DeleteFunc(p.Tests, func(t *Test) bool { return t.Result == "" })
	}
	for _, t := range p.Tests {
		if t.Result == "" {
			t.Result = Failed
			t.Output = append(t.Output, "the process ended while this test ran\n")
		}
	}
	for _, t := range p.Tests {
		for name := t.Name; ; {
			cut := strings.LastIndexByte(name, '/')
			if cut < 0 {
				break
			}
			name = name[:cut]
			if parent, ok := p.byName[name]; ok {
				parent.hasSubtests = true
				parent.subtestHas[t.Result] = true
			}
		}
	}
}

// Counts tells whether the test counts in totals: a test with subtests is their heading, and counts only when it failed
// or was skipped by itself.
func (t *Test) Counts() bool {
	return !t.hasSubtests || (t.Result != Passed && !t.subtestHas[t.Result])
}

// Count tells how many tests that count had the result.
func (p *Package) Count(r Result) int {
	n := 0
	for _, t := range p.Tests {
		if t.Result == r && t.Counts() {
			n++
		}
	}
	return n
}

// Failures returns the tests that failed and count.
func (p *Package) Failures() []*Test {
	return slices.DeleteFunc(slices.Clone(p.Tests), func(t *Test) bool { return t.Result != Failed || !t.Counts() })
}

var (
	// A line of t.Log, t.Skip and so on: "    file_test.go:12: message".
	logLine = regexp.MustCompile(`^\s+\S+\.go:\d+: (.*)`)
	// What the testing package itself writes about a test.
	frameLine = regexp.MustCompile(`^\s*(=== (RUN|PAUSE|CONT|NAME)|--- (PASS|FAIL|SKIP))`)
)

// Reason returns what the test said when it was skipped: its last message, on one line.
func (t *Test) Reason() string {
	var message []string
	for _, line := range t.Output {
		line = strings.TrimRight(line, "\n")
		switch m := logLine.FindStringSubmatch(line); {
		case m != nil:
			message = []string{m[1]}
		case frameLine.MatchString(line):
		case len(message) > 0:
			message = append(message, strings.TrimSpace(line))
		}
	}
	if len(message) == 0 {
		return "no reason given"
	}
	return strings.Join(message, " ")
}
