package testrun

import "time"

// event is one line of `go test -json` (see `go doc test2json`), and, for a package that does not build, of
// `go build -json`.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of a build event; the package as the build names it: "p [p.test]"
	Test        string
	Elapsed     float64 // seconds
	Output      string
	FailedBuild string // in a package's fail event: the ImportPath whose build failed
}

// elapsed converts the seconds that an event carries.
func (e event) elapsed() time.Duration {
	return time.Duration(e.Elapsed * float64(time.Second))
}

// Result is how a test or a package ended.
type Result string

// The results. A test that began and never ended, because its process died, has [Failed].
const (
	Passed  Result = "pass"
	Failed  Result = "fail"
	Skipped Result = "skip"
)

// result tells whether an action ends a test or a package, and how.
func result(action string) (Result, bool) {
	switch r := Result(action); r {
	case Passed, Failed, Skipped:
		return r, true
	default:
		return "", false
	}
}
