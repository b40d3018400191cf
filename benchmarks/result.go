package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// result is the answer to a question. results.json keeps it; hack/tools/chart
// draws its charts, and knows no more of it than they say.
type result struct {
	Name    string   `json:"name"`
	Asks    string   `json:"asks"`
	Machine string   `json:"machine"`
	Date    string   `json:"date"`
	How     []string `json:"how"`   // what was done, each a sentence
	Notes   []string `json:"notes"` // what was found besides
	Tables  []table  `json:"tables"`
	Goals   []goal   `json:"goals"`
	Charts  []chart  `json:"charts"`

	aside bool // it answers nothing, and is not kept
}

// table is of cells as people read them.
type table struct {
	Title   string     `json:"title"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// goal is a figure beside what it should be.
type goal struct {
	Text   string  `json:"text"`
	Goal   float64 `json:"goal"`
	Figure float64 `json:"figure"`
	Unit   string  `json:"unit"`
	Most   bool    `json:"most"` // the figure should be at most the goal, else at least
	// Partial says why the run cannot tell whether the goal is met.
	Partial string `json:"partial,omitempty"`
}

func (g goal) met() bool {
	if g.Most {
		return g.Figure <= g.Goal
	}
	return g.Figure >= g.Goal
}

func (g goal) verdict() string {
	switch {
	case g.Partial != "":
		return "not asked: " + g.Partial
	case g.met():
		return "met"
	}
	return "missed"
}

func (g goal) bound() string {
	if g.Most {
		return "≤ " + number(g.Goal) + g.Unit
	}
	return "≥ " + number(g.Goal) + g.Unit
}

// ratio is the figure in terms of the goal.
func (g goal) ratio() float64 { return g.Figure / g.Goal }

// chart is lines over numbers, or bars over names.
type chart struct {
	File   string   `json:"file"` // without its folder
	Title  string   `json:"title"`
	Kind   string   `json:"kind"` // lines or bars
	X      string   `json:"x"`
	Y      string   `json:"y"`
	LogX   bool     `json:"log_x"`
	LogY   bool     `json:"log_y"`
	Labels []string `json:"labels,omitempty"` // of bars
	Line   float64  `json:"line,omitempty"`   // a goal, drawn across
	Series []series `json:"series"`
}

type series struct {
	Name   string    `json:"name"`
	X      []float64 `json:"x,omitempty"`
	Y      []float64 `json:"y"`
	Dashed bool      `json:"dashed,omitempty"`
}

func (s *series) add(x, y float64) { s.X, s.Y = append(s.X, x), append(s.Y, y) }

func (r *result) how(format string, args ...any) { r.How = append(r.How, fmt.Sprintf(format, args...)) }
func (r *result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// print writes the answer for a terminal.
func (r *result) print(w io.Writer) {
	for _, line := range r.How {
		fmt.Fprintln(w, line)
	}
	for _, t := range r.Tables {
		fmt.Fprintf(w, "\n%s\n", t.Title)
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		for _, row := range append([][]string{t.Columns}, t.Rows...) {
			fmt.Fprintln(tw, strings.Join(row, "\t")+"\t")
		}
		_ = tw.Flush() // what fails to be printed is not there to be read
	}
	fmt.Fprintln(w)
	for _, line := range r.Notes {
		fmt.Fprintln(w, line)
	}
	for _, g := range r.Goals {
		fmt.Fprintf(w, "goal: %s %s: %s%s, ratio %.2f, %s\n", g.Text, g.bound(), number(g.Figure), g.Unit, g.ratio(), g.verdict())
	}
	fmt.Fprintln(w)
}

// results are the answers of all runs that were kept, in the order of the
// questions.
type results struct {
	Results []*result `json:"results"`
}

func readResults(path string) (*results, error) {
	all := &results{}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(text, all)
	}
	if err != nil {
		return nil, fmt.Errorf("read the results that were kept: %w", err)
	}
	return all, nil
}

// put replaces the answer to a question.
func (all *results) put(r *result) {
	var ordered []*result
	for _, q := range questions {
		if q.name == r.Name {
			ordered = append(ordered, r)
			continue
		}
		for _, old := range all.Results {
			if old.Name == q.name {
				ordered = append(ordered, old)
			}
		}
	}
	all.Results = ordered
}

func (all *results) write(path string) error {
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// number writes a figure with thousands apart and three digits that count.
func number(f float64) string {
	switch {
	case f < 0:
		return "–"
	case f < 100 && f == math.Trunc(f):
		return fmt.Sprintf("%.0f", f)
	case f < 1:
		return fmt.Sprintf("%.2f", f)
	case f < 100:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0")
	}
	text := fmt.Sprintf("%.0f", f)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// milliseconds writes a latency.
func milliseconds(d time.Duration) string {
	if d < 0 {
		return "–"
	}
	if d < time.Millisecond {
		return fmt.Sprintf("%.3g µs", float64(d)/float64(time.Microsecond))
	}
	ms := float64(d) / float64(time.Millisecond)
	if ms < 10 {
		return fmt.Sprintf("%.2f ms", ms)
	}
	return fmt.Sprintf("%.1f ms", ms)
}

// size writes bytes in the unit that a person would use.
func size(bytes int64) string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	f, u := float64(bytes), 0
	for f >= 1024 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	return fmt.Sprintf("%.4g %s", f, units[u])
}
