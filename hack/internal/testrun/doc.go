// Package testrun reads what `go test -json` writes: which tests passed, failed or were skipped, and why.
//
// It serves the two programs that judge a run, hack/testreport and hack/parity. A [Reader] turns the stream of events
// into one [Package] after the other; a [Record] keeps what the end of a run has to say about them.
package testrun
