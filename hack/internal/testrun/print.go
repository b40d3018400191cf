package testrun

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// modulePrefix is cut from package paths, since all are Ringhold's.
const modulePrefix = "github.com/ringhold/ringhold/"

// Short returns a package's path within the module.
func Short(path string) string {
	return strings.TrimPrefix(path, modulePrefix)
}

// PrintPackage writes a finished package: one line, and behind it all that its failed tests wrote. Packages without tests
// are left out.
func PrintPackage(w io.Writer, p *Package) {
	if p.Result == Skipped || (p.Result == Passed && len(p.Tests) == 0) {
		return
	}
	fmt.Fprintln(w, packageLine(p))
	if p.Result != Failed {
		return
	}
	for _, t := range p.Failures() {
		fmt.Fprintf(w, "\n--- FAIL: %s (%s)\n", t.Name, Short(p.Path))
		printOutput(w, t.Output)
	}
	printOutput(w, p.Output)
	fmt.Fprintln(w)
}

func packageLine(p *Package) string {
	verdict := "ok  "
	if p.Result == Failed {
		verdict = "FAIL"
	}
	counts := fmt.Sprintf("%d passed", p.Count(Passed))
	if n := p.Count(Failed); n > 0 {
		counts += fmt.Sprintf(", %d failed", n)
	}
	if n := p.Count(Skipped); n > 0 {
		counts += fmt.Sprintf(", %d skipped", n)
	}
	elapsed := p.Elapsed.Round(10 * time.Millisecond).String()
	if p.Cached {
		elapsed = "cached"
	}
	return fmt.Sprintf("%s %8s  %-40s %s", verdict, elapsed, Short(p.Path), counts)
}

// printOutput writes the lines of a failed test or package, without those in which the testing package says only that it
// ran and how it ended.
func printOutput(w io.Writer, lines []string) {
	for _, line := range lines {
		if frameLine.MatchString(line) || strings.HasPrefix(line, "FAIL") || line == "PASS\n" {
			continue
		}
		io.WriteString(w, line)
		if !strings.HasSuffix(line, "\n") {
			io.WriteString(w, "\n")
		}
	}
}

// PrintRecord writes the end of a run: what failed, what was skipped and why, and the totals as the last line.
func PrintRecord(w io.Writer, r *Record, ci bool) {
	if len(r.Failures) > 0 {
		fmt.Fprintln(w, "failed:")
		for _, f := range r.Failures {
			fmt.Fprintf(w, "  %s\n", f)
		}
	}
	if len(r.Skips) == 0 {
		fmt.Fprintln(w, "nothing was skipped")
	} else {
		fmt.Fprintln(w, "skipped:")
		for _, s := range r.Skips {
			fmt.Fprintf(w, "  %s %s: %s\n", Short(s.Package), s.Test, s.Reason)
		}
		if ci {
			fmt.Fprintln(w, "CI=true: every need of a test has to be met, so a skipped test fails the run")
		}
	}
	fmt.Fprintln(w, r.Totals())
}

// String names what failed, for a person.
func (f Failure) String() string {
	switch {
	case f.Package == "":
		return "stage " + f.Stage
	case f.Test == "":
		return Short(f.Package) + " (the package as a whole)"
	default:
		return Short(f.Package) + " " + f.Test
	}
}
