package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/ringhold/ringhold/message"
)

// format is how a command prints, as the value of a flag.
type format string

const (
	formatTable format = "table" // for people
	formatJSON  format = "json"  // one document; a line each where it is a list
)

// String returns the format as the flag has it.
func (f *format) String() string { return string(*f) }

// Set reads the flag.
func (f *format) Set(s string) error {
	switch format(s) {
	case formatTable, formatJSON:
		*f = format(s)
		return nil
	}
	return errors.New("is neither table nor json")
}

// Type names the kind of value in help.
func (f *format) Type() string { return "table|json" }

// jsonLine prints v on one line.
func jsonLine(w io.Writer, v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// jsonDocument prints v over many lines, for a person to read.
func jsonDocument(w io.Writer, v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err = w.Write(out.Bytes())
	return err
}

// encode is json.Marshal without escapes for HTML, which nobody reads here.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("print as JSON: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// oneLine returns a value as compact JSON; empty if there is none.
func oneLine(v message.Value) string {
	b, err := v.AsJSON()
	if err != nil {
		return "(" + err.Error() + ")"
	}
	var out bytes.Buffer
	if json.Compact(&out, b) != nil {
		return string(b)
	}
	return out.String()
}

// raw returns a value to stand within a document; nil if there is none.
func raw(v message.Value) json.RawMessage {
	if v.IsZero() {
		return nil
	}
	b, err := v.AsJSON()
	if err != nil || !json.Valid(b) {
		quoted, _ := json.Marshal(string(b)) // a string always has a JSON form
		return quoted
	}
	return b
}

// table prints rows in columns.
type table struct {
	w *tabwriter.Writer
}

func newTable(w io.Writer, columns ...any) *table {
	const gap = 3
	t := &table{w: tabwriter.NewWriter(w, 0, 0, gap, ' ', 0)}
	t.row(columns...)
	return t
}

// row adds a row. Empty cells at its end are left out.
func (t *table) row(cells ...any) {
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	for i, c := range cells {
		if i > 0 {
			fmt.Fprint(t.w, "\t")
		}
		fmt.Fprint(t.w, c)
	}
	fmt.Fprintln(t.w)
}

func (t *table) flush() error { return t.w.Flush() }
