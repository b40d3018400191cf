package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// What stands between these lines is written by people; it is kept.
const (
	byHandBegin = "<!-- by hand: begin -->"
	byHandEnd   = "<!-- by hand: end -->"
)

const byHandDefault = "\n## What limits it, and what was tried\n\n"

// writeMarkdown writes the page of results anew, but for what is by hand in it.
func writeMarkdown(path string, all *results) error {
	byHand := byHandDefault
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read what is by hand in the results: %w", err)
	}
	if _, rest, ok := strings.Cut(string(old), byHandBegin); ok {
		kept, _, whole := strings.Cut(rest, byHandEnd)
		if !whole {
			return fmt.Errorf("%s has a line %q and none %q behind it: put it back, what is between is kept", path, byHandBegin, byHandEnd)
		}
		byHand = kept
	}
	var w strings.Builder
	fmt.Fprintf(&w, "# Results\n\n")
	fmt.Fprintf(&w, "Made by `make bench-results` and `make bench-growth`; only what is between the marks is written by hand. ")
	fmt.Fprintf(&w, "Absolute figures move with the\nmachine and its disk; the ratios are what counts: both sides of each are of the same run.\n\n")
	writeGoals(&w, all)
	fmt.Fprintf(&w, "%s%s%s\n", byHandBegin, byHand, byHandEnd)
	for _, r := range all.Results {
		r.markdown(&w)
	}
	if err := os.WriteFile(path, []byte(w.String()), 0o644); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

// writeGoals writes one table of all goals.
func writeGoals(w *strings.Builder, all *results) {
	fmt.Fprintf(w, "## Goals\n\n| question | | goal | figure | figure ÷ goal | |\n| --- | --- | ---: | ---: | ---: | --- |\n")
	for _, r := range all.Results {
		for _, g := range r.Goals {
			verdict := g.verdict()
			if verdict == "missed" {
				verdict = "**missed**"
			}
			fmt.Fprintf(w, "| [%s](#%s) | %s | %s | %s%s | %.2f | %s |\n", r.Name, r.Name, g.Text, g.bound(), number(g.Figure), g.Unit, g.ratio(), verdict)
		}
	}
	fmt.Fprintf(w, "\n![How far the goals are reached](charts/goals.svg)\n\n")
}

func (r *result) markdown(w *strings.Builder) {
	fmt.Fprintf(w, "\n## %s\n\n**%s**\n\n", r.Name, r.Asks)
	for _, line := range r.How {
		fmt.Fprintf(w, "%s\n", line)
	}
	for _, t := range r.Tables {
		fmt.Fprintf(w, "\n%s\n\n| %s |\n|%s\n", t.Title, strings.Join(t.Columns, " | "), strings.Repeat(" ---: |", len(t.Columns)))
		for _, row := range t.Rows {
			fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		}
	}
	if len(r.Notes) > 0 {
		fmt.Fprintln(w)
	}
	for _, line := range r.Notes {
		fmt.Fprintf(w, "- %s\n", line)
	}
	for _, c := range r.Charts {
		fmt.Fprintf(w, "\n![%s](charts/%s.svg)\n", c.Title, c.File)
	}
	fmt.Fprintf(w, "\n%s, %s.\n", r.Date, r.Machine)
}
