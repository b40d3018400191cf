// Command chart draws the charts of a results.json, as Ringhold's benchmarks
// write it, as SVG. It is a module of its own, so that users of Ringhold do not
// inherit what draws them.
//
//	cd hack/tools/chart && go run . -in ../../../benchmarks/results.json -out ../../../benchmarks/charts
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	in := flag.String("in", "results.json", "the `file` that the benchmarks wrote")
	out := flag.String("out", "charts", "the `folder` for the charts")
	flag.Parse()
	if err := run(*in, *out); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// results is what is read of results.json; benchmarks/result.go says what it means.
type results struct {
	Results []struct {
		Name   string  `json:"name"`
		Goals  []goal  `json:"goals"`
		Charts []chart `json:"charts"`
	} `json:"results"`
}

type goal struct {
	Text    string  `json:"text"`
	Goal    float64 `json:"goal"`
	Figure  float64 `json:"figure"`
	Most    bool    `json:"most"`
	Partial string  `json:"partial"`
}

type chart struct {
	File   string   `json:"file"`
	Title  string   `json:"title"`
	Kind   string   `json:"kind"`
	X      string   `json:"x"`
	Y      string   `json:"y"`
	LogX   bool     `json:"log_x"`
	LogY   bool     `json:"log_y"`
	Labels []string `json:"labels"`
	Line   float64  `json:"line"`
	Series []series `json:"series"`
}

type series struct {
	Name   string    `json:"name"`
	X      []float64 `json:"x"`
	Y      []float64 `json:"y"`
	Dashed bool      `json:"dashed"`
}

func run(in, out string) error {
	text, err := os.ReadFile(in)
	if err != nil {
		return fmt.Errorf("read the results: %w; the benchmarks write them with -out", err)
	}
	var all results
	if err := json.Unmarshal(text, &all); err != nil {
		return fmt.Errorf("read %s: %w", in, err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var goals []goal
	for _, r := range all.Results {
		goals = append(goals, r.Goals...)
		for _, c := range r.Charts {
			if err := c.draw(filepath.Join(out, c.File+".svg")); err != nil {
				return fmt.Errorf("draw %s: %w", c.File, err)
			}
		}
	}
	if len(goals) == 0 {
		return nil
	}
	if err := drawGoals(goals, filepath.Join(out, "goals.svg")); err != nil {
		return fmt.Errorf("draw goals: %w", err)
	}
	return nil
}
