package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a manifest.
type Fault struct {
	// Line of the file, from 1; 0 if the fault has no place in it.
	Line int
	// Path of the field, such as spec.handlers[2].on; empty for a fault of the
	// whole file.
	Path string
	// Message says what is wrong and what to write instead, in one line.
	Message string
}

// Error lists everything that is wrong with one manifest.
type Error struct {
	// File is the name that was given to Parse.
	File string
	// Faults in the order of the file; at least one.
	Faults []Fault
}

// Error is one line a fault: FILE:LINE: PATH: MESSAGE.
func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = e.line(f)
	}
	return strings.Join(lines, "\n")
}

func (e *Error) line(f Fault) string {
	place := e.File
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d", e.File, f.Line)
	}
	if f.Path == "" {
		return place + ": " + f.Message
	}
	return place + ": " + f.Path + ": " + f.Message
}

// newError orders the faults as a reader meets them, and keeps each on its
// line.
func newError(file string, faults []Fault) *Error {
	for i := range faults {
		faults[i].Path = oneLine(faults[i].Path)
		faults[i].Message = oneLine(faults[i].Message)
	}
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path))
	})
	return &Error{File: file, Faults: faults}
}

// oneLine replaces what would break a line, which a manifest can bring into a
// path or a message through its own keys and values.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}
