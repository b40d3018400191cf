package orders

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/api/manifest"
)

const guide = "../../writing-aggregates.md"

// block is a fenced block of the guide.
type block struct {
	language string
	line     int // of its first line
	lines    []string
}

func blocks(t *testing.T) (all []block) {
	t.Helper()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	var open *block
	for i, line := range strings.Split(string(text), "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{language: language, line: i + 2}
		case fence:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.lines = append(open.lines, line)
		}
	}
	if open != nil {
		t.Fatalf("%s: the block of line %d does not end", guide, open.line)
	}
	return all
}

// sources returns the files that the guide may show, each as its lines without
// the space around them.
func sources(t *testing.T, patterns ...string) (all []string) {
	t.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, trimmed(strings.Split(string(text), "\n")))
		}
	}
	return all
}

func trimmed(lines []string) string {
	var out strings.Builder
	for _, line := range lines {
		out.WriteString("\n" + strings.TrimSpace(line))
	}
	return out.String() + "\n"
}

// TestTheGuideShowsCodeThatRuns looks each block up in files that are compiled
// and tested, or admitted as a manifest. A line "// …" stands for what a block
// leaves out.
func TestTheGuideShowsCodeThatRuns(t *testing.T) {
	known := map[string][]string{
		"go":   sources(t, "*.go", "../../../examples/bank/*.go"),
		"yaml": sources(t, "*.yaml", "../../../examples/bank/*.yaml"),
	}
	count := map[string]int{}
	for _, b := range blocks(t) {
		files, checked := known[b.language]
		if !checked {
			if b.language != "" {
				t.Errorf("%s:%d: nobody checks blocks of %q", guide, b.line, b.language)
			}
			continue
		}
		count[b.language]++
		for _, part := range strings.Split(trimmed(b.lines), "\n// …\n") {
			part = "\n" + strings.Trim(part, "\n") + "\n"
			if !containedIn(files, part) {
				t.Errorf("%s:%d: this is not in the code that the guide shows:\n%s", guide, b.line, part)
			}
		}
	}
	if count["go"] < 15 || count["yaml"] < 2 {
		t.Errorf("the guide has %v blocks: they are not found", count)
	}
}

func containedIn(files []string, part string) bool {
	for _, file := range files {
		if strings.Contains(file, part) {
			return true
		}
	}
	return false
}

func TestTheManifestIsAdmitted(t *testing.T) {
	if _, err := manifest.Load("aggregateservice.yaml"); err != nil {
		t.Error(err)
	}
}
