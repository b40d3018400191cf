package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsByHandStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "RESULTS.md")
	all := &results{}
	all.put(&result{Name: "durable", Asks: "How many?", Goals: []goal{{Text: "of the ceiling", Goal: 0.6, Figure: 0.5}}})
	if err := writeMarkdown(path, all); err != nil {
		t.Fatal(err)
	}
	replace(t, path, byHandEnd, "Locks limit it.\n"+byHandEnd)
	all.put(&result{Name: "durable", Asks: "How many?", Goals: []goal{{Text: "of the ceiling", Goal: 0.6, Figure: 0.7}}})
	if err := writeMarkdown(path, all); err != nil {
		t.Fatal(err)
	}
	text := read(t, path)
	if strings.Count(text, "Locks limit it.\n"+byHandEnd) != 1 {
		t.Errorf("what was by hand is not there once:\n%s", text)
	}
	if !strings.Contains(text, "| ≥ 0.60 | 0.70 | 1.17 | met |") {
		t.Errorf("the new figure is not there:\n%s", text)
	}
	replace(t, path, byHandEnd, "")
	if err := writeMarkdown(path, all); err == nil {
		t.Error("a page whose end mark is lost was written over")
	}
}

func TestResultsKeepTheOrderOfQuestions(t *testing.T) {
	all := &results{}
	for _, name := range []string{"growth", "durable", "idle", "durable"} {
		all.put(&result{Name: name})
	}
	path := filepath.Join(t.TempDir(), resultsFile)
	if err := all.write(path); err != nil {
		t.Fatal(err)
	}
	kept, err := readResults(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range kept.Results {
		got = append(got, r.Name)
	}
	if want := "idle durable growth"; strings.Join(got, " ") != want {
		t.Errorf("kept %v, want %s", got, want)
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		goal goal
		want string
	}{
		{goal{Goal: 10, Figure: 10}, "met"},
		{goal{Goal: 10, Figure: 9.99}, "missed"},
		{goal{Goal: 512, Figure: 513, Most: true}, "missed"},
		{goal{Goal: 512, Figure: 346, Most: true}, "met"},
		{goal{Goal: 1, Figure: 2, Partial: "too few"}, "not asked: too few"},
	} {
		if got := c.goal.verdict(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.goal, got, c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for f, want := range map[float64]string{-1: "–", 0: "0", 0.456: "0.46", 12: "12", 12.34: "12.3", 999.6: "1,000", 1234567: "1,234,567"} {
		if got := number(f); got != want {
			t.Errorf("number(%v) = %q, want %q", f, got, want)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func replace(t *testing.T, path, old, with string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Replace(read(t, path), old, with, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}
