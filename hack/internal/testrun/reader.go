package testrun

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Reader turns a stream of `go test -json` into packages.
type Reader struct {
	// Finished is called for each package as soon as it has ended, also for those that have no tests.
	Finished func(*Package)
	// Stray is called with each line that is not an event, such as an error of the go command. Nil ignores them.
	Stray func(line string)

	open  map[string]*Package // by path, while they run
	order []string            // of open, for packages that never end
	build map[string][]string // output of builds, by import path
}

// Read reads the stream to its end. A package that began and has not ended by then is finished as failed. The error is
// that of reading, never that of a test.
func (r *Reader) Read(in io.Reader) error {
	r.open, r.order, r.build = map[string]*Package{}, nil, map[string][]string{}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if strings.TrimSpace(line) != "" {
			r.line(line)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("read the events of go test: %w", err)
		}
	}
	for _, path := range slices.Clone(r.order) {
		p := r.open[path]
		p.Output = append(p.Output, "the run ended before this package did\n")
		r.finish(p, Failed, event{})
	}
	return nil
}

func (r *Reader) line(line string) {
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Action == "" {
		if r.Stray != nil {
			r.Stray(strings.TrimRight(line, "\n"))
		}
		return
	}
	if e.Action == "build-output" {
		r.build[e.ImportPath] = append(r.build[e.ImportPath], e.Output)
		return
	}
	if e.Package == "" {
		return
	}
	r.event(e)
}

func (r *Reader) event(e event) {
	p := r.pkg(e.Package)
	ended, isEnd := result(e.Action)
	switch {
	case e.Test == "" && isEnd:
		r.finish(p, ended, e)
	case e.Test == "" && e.Action == "output":
		p.Output = append(p.Output, e.Output)
	case e.Test != "" && isEnd:
		p.test(e.Test).Result = ended
	case e.Test != "":
		t := p.test(e.Test)
		if e.Action == "output" {
			t.Output = append(t.Output, e.Output)
		}
	}
}

func (r *Reader) pkg(path string) *Package {
	if p, ok := r.open[path]; ok {
		return p
	}
	p := &Package{Path: path, byName: map[string]*Test{}}
	r.open[path] = p
	r.order = append(r.order, path)
	return p
}

func (r *Reader) finish(p *Package, result Result, e event) {
	if e.FailedBuild != "" {
		p.Output = append(slices.Clone(r.build[e.FailedBuild]), p.Output...)
	}
	for _, line := range p.Output {
		if strings.HasPrefix(line, "ok ") && strings.Contains(line, "(cached)") {
			p.Cached = true
		}
	}
	p.end(result, e.elapsed())
	delete(r.open, p.Path)
	r.order = slices.DeleteFunc(r.order, func(path string) bool { return path == p.Path })
	r.Finished(p)
}
