package aggregatetest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// fake is a test that is run to see what it complains about.
type fake struct {
	testing.TB // the methods that are not replaced panic
	faults     []string
	cleanups   []func()
}

// failures runs a test and returns its complaints.
func failures(test func(t *fake)) []string {
	f := &fake{}
	run := func(step func()) {
		done := make(chan struct{})
		go func() { // Fatalf ends the goroutine
			defer close(done)
			step()
		}()
		<-done
	}
	run(func() { test(f) })
	for i := len(f.cleanups) - 1; i >= 0; i-- {
		run(f.cleanups[i])
	}
	return f.faults
}

func (f *fake) Helper()             {}
func (f *fake) Failed() bool        { return len(f.faults) > 0 }
func (f *fake) Cleanup(step func()) { f.cleanups = append(f.cleanups, step) }
func (f *fake) Errorf(format string, a ...any) {
	f.faults = append(f.faults, fmt.Sprintf(format, a...))
}
func (f *fake) Fatalf(format string, a ...any) { f.Errorf(format, a...); runtime.Goexit() }
func (f *fake) Fatal(a ...any)                 { f.Fatalf("%s", fmt.Sprint(a...)) }

// complains checks that a test fails once, with all of some texts.
func complains(t *testing.T, test func(t *fake), texts ...string) {
	t.Helper()
	faults := failures(test)
	if len(faults) != 1 {
		t.Errorf("it fails %d times:\n%s", len(faults), strings.Join(faults, "\n---\n"))
		return
	}
	for _, text := range texts {
		if !strings.Contains(spaced(faults[0]), spaced(text)) {
			t.Errorf("%q is not in\n%s", text, faults[0])
		}
	}
}

// spaced makes white space comparable, which cmp changes on purpose.
func spaced(s string) string { return strings.Join(strings.Fields(s), " ") }
