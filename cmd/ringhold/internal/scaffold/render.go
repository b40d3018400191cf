package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"go/version"
	"io/fs"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/template"
)

// templates hold the new module, each file with the suffix .tmpl, so that the go
// command does not take them for Go files of this one. Dots that begin a name
// are written as dot-.
//
//go:embed templates
var templates embed.FS

// file is a file of the new module.
type file struct {
	path    string // with slashes
	content []byte
}

// values are what templates speak of.
type values struct {
	Module      string
	Name        string
	Binary      string // what `go build` makes of the module
	Require     string // Ringhold's version
	Replacement string // the checkout, quoted for go.mod; "" for a release
	Go          string // "1.26": the language that this binary was built with
}

// render returns the files of the new module in order of their paths.
func render(o Options) (files []file, err error) {
	v := values{
		Module: o.Module, Name: o.Name, Binary: binaryOf(o.Module),
		Require: o.Source.require(), Replacement: o.Source.replacement(o.Dir),
		Go: strings.TrimPrefix(version.Lang(runtime.Version()), "go"),
	}
	if v.Go == "" { // built with a Go between two releases
		v.Go = "1.26"
	}
	err = fs.WalkDir(templates, "templates", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := execute(name, v)
		if err != nil {
			return fmt.Errorf("template %s: %w", name, err)
		}
		files = append(files, file{path: target(name), content: content})
		return nil
	})
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return files, err
}

func execute(name string, v values) ([]byte, error) {
	text, err := templates.ReadFile(name)
	if err != nil {
		return nil, err
	}
	t, err := template.New(path.Base(name)).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, v); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// target is the path of what a template makes.
func target(name string) string {
	rel, err := filepath.Rel("templates", filepath.FromSlash(name))
	if err != nil {
		panic(err) // both are names within the embedded files
	}
	dir, base := path.Split(filepath.ToSlash(rel))
	base = strings.TrimSuffix(base, ".tmpl")
	if rest, dotted := strings.CutPrefix(base, "dot-"); dotted {
		base = "." + rest
	}
	return dir + base
}
