// Package scaffold makes a new Go module with an aggregate, its test and its
// manifest: what a team starts from.
package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Options say what is to be made. Only Dir is required.
type Options struct {
	// Dir is made, and may be there already if nothing but .git is in it.
	Dir string
	// Module is the path of the Go module. Default: example.com/NAME.
	Module string
	// Name is that of the service in the manifest. Default: made of Dir's name.
	Name string
	// Source is where the module gets Ringhold. Default: from where this binary
	// was built; see [SourceOfBinary].
	Source Source
	// Progress gets a line for each step; nil for none.
	Progress io.Writer
}

// Result is what was made.
type Result struct {
	Dir    string // absolute
	Module string
	Name   string
	Files  []string // with slashes, relative to Dir, in order
	// Untidy says why `go mod tidy` failed, although the module builds: mostly
	// because there is no network. It has to be run later. Nil: it did not fail.
	Untidy error
}

// OptionError says all that is wrong with Options.
type OptionError struct{ cause error }

func (e *OptionError) Error() string { return e.cause.Error() }

// Unwrap returns the faults.
func (e *OptionError) Unwrap() error { return e.cause }

// Init makes the module and settles what it requires with the go command. Faults
// of the options are told all at once, as an [*OptionError], and then nothing is written. When the go
// command fails the files stay, and the error says what is left to do.
func Init(ctx context.Context, o Options) (*Result, error) {
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if err := o.complete(); err != nil {
		return nil, &OptionError{err}
	}
	files, err := render(o)
	if err != nil {
		return nil, err
	}
	result := &Result{Dir: o.Dir, Module: o.Module, Name: o.Name}
	for _, f := range files {
		if err := write(o.Dir, f); err != nil {
			return nil, fmt.Errorf("write the new module: %w", err)
		}
		result.Files = append(result.Files, f.path)
		fmt.Fprintf(o.Progress, "wrote %s\n", f.path)
	}
	result.Untidy, err = settle(ctx, o)
	if err != nil {
		return nil, err
	}
	return result, nil
}

// complete fills defaults in and returns all faults.
func (o *Options) complete() error {
	if o.Dir == "" {
		return errors.New("the directory of the new module is missing")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fmt.Errorf("the new module's directory: %w", err)
	}
	written := o.Dir
	o.Dir = dir
	if o.Name == "" {
		if o.Name = nameOf(dir); o.Name == "" {
			return errors.Join(checkDir(dir), fmt.Errorf("no name of a service can be made of the directory %q, which has no letter from a to z: give one with --name, such as bank", written))
		}
	}
	if o.Module == "" {
		o.Module = "example.com/" + o.Name
	}
	if o.Source == (Source{}) {
		if o.Source, err = SourceOfBinary(); err != nil {
			return err
		}
	}
	return errors.Join(checkDir(dir), checkName(o.Name), checkModule(o.Module), o.Source.check())
}

// checkDir says why a module cannot be made in dir, or nil.
func checkDir(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		if info, statErr := os.Stat(dir); statErr == nil && !info.IsDir() {
			return fmt.Errorf("%s is a file: name a directory that is empty or not there yet", dir)
		}
		return fmt.Errorf("the new module's directory: %w", err)
	}
	var found []string
	for _, e := range entries {
		if e.Name() != ".git" {
			found = append(found, e.Name())
		}
	}
	if len(found) == 0 {
		return nil
	}
	more := ""
	if len(found) > 3 {
		found, more = found[:3], ", …"
	}
	return fmt.Errorf("%s is not empty (%s%s): name a directory that is empty or not there yet", dir, strings.Join(found, ", "), more)
}

// write writes a file that must not be there yet.
func write(dir string, f file) error {
	path := filepath.Join(dir, filepath.FromSlash(f.path))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = out.Write(f.content)
	return errors.Join(err, out.Close())
}
