package testrun

import (
	"encoding/json"
	"fmt"
	"os"
)

// Record is what remains of a run, or of several: counts, and the names of what failed or was skipped.
type Record struct {
	Passed   int
	Failures []Failure
	Skips    []Skip
}

// Failure names what failed: a test, a package (Test is empty), or a stage that is not made of tests (Package is empty).
type Failure struct {
	Stage, Package, Test string
}

// Skip is a test that did not run, and why.
type Skip struct {
	Package, Test, Reason string
}

// Add counts a finished package. One that failed without a failed test, since it does not build or its process died,
// counts as one failure.
func (r *Record) Add(p *Package) {
	r.Passed += p.Count(Passed)
	failures := p.Failures()
	for _, t := range failures {
		r.Failures = append(r.Failures, Failure{Package: p.Path, Test: t.Name})
	}
	if p.Result == Failed && len(failures) == 0 {
		r.Failures = append(r.Failures, Failure{Package: p.Path})
	}
	for _, t := range p.Tests {
		if t.Result == Skipped && t.Counts() {
			r.Skips = append(r.Skips, Skip{Package: p.Path, Test: t.Name, Reason: t.Reason()})
		}
	}
}

// Merge adds another record's counts and lists.
func (r *Record) Merge(other Record) {
	r.Passed += other.Passed
	r.Failures = append(r.Failures, other.Failures...)
	r.Skips = append(r.Skips, other.Skips...)
}

// Totals is the line that closes a run, in the form that machines read.
func (r *Record) Totals() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", r.Passed, len(r.Failures), len(r.Skips))
}

// OK tells whether the run is good. In CI nothing may be skipped: there every need of a test has to be met.
func (r *Record) OK(ci bool) bool {
	return len(r.Failures) == 0 && (!ci || len(r.Skips) == 0)
}

// Save writes the record to a file.
func (r *Record) Save(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the record of a run: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("save the record of a run: %w", err)
	}
	return nil
}

// Load reads a record that Save wrote.
func Load(path string) (Record, error) {
	var r Record
	text, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("load the record of a run: %w", err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("load the record of a run from %s: %w", path, err)
	}
	return r, nil
}
