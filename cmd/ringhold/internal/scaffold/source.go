package scaffold

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// Source is where a new module gets Ringhold: exactly one of its fields is set.
type Source struct {
	Version  string // a version that the module proxy has: v0.3.0
	Checkout string // a directory with Ringhold's source
}

// ParseSource reads what a person may give: a version, or the directory of a
// checkout.
func ParseSource(s string) (Source, error) {
	if semver.IsValid(s) {
		return Source{Version: s}, nil
	}
	dir, err := filepath.Abs(s)
	if err != nil {
		return Source{}, fmt.Errorf("the checkout of Ringhold: %w", err)
	}
	source := Source{Checkout: dir}
	return source, source.check()
}

// SourceOfBinary finds out from where this binary was built: a version that
// everybody can get, or else a checkout, which has to be there still.
func SourceOfBinary() (Source, error) {
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := published(info); v != "" {
			return Source{Version: v}, nil
		}
	}
	for _, dir := range places() {
		if checkout := enclosing(dir); checkout != "" {
			return Source{Checkout: checkout}, nil
		}
	}
	return Source{}, errors.New("this ringhold was built from a checkout that is not here any more: run it inside a checkout of Ringhold, or say which version or checkout to use")
}

// published returns the version of a binary's main module if it can be had from
// a module proxy: it was built by `go install PATH@VERSION`, or from the very
// commit of a release. Go gives other builds from a checkout a pseudo-version,
// and that commit may never have left the machine.
func published(info *debug.BuildInfo) string {
	main := info.Main
	if main.Path != ringhold || !semver.IsValid(main.Version) {
		return ""
	}
	if main.Sum == "" && (module.IsPseudoVersion(main.Version) || semver.Build(main.Version) != "") {
		return ""
	}
	return main.Version
}

// places lists directories that may lie in the checkout: that of this source
// file (unless the build trimmed its path), of the binary, and the current one.
func places() (dirs []string) {
	if _, path, _, ok := runtime.Caller(0); ok && filepath.IsAbs(path) {
		dirs = append(dirs, filepath.Dir(path))
	}
	if path, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	if dir, err := os.Getwd(); err == nil {
		dirs = append(dirs, dir)
	}
	return dirs
}

// enclosing returns the checkout that dir lies in, or "".
func enclosing(dir string) string {
	for {
		if isCheckout(dir) {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// isCheckout reports whether dir holds Ringhold's go.mod.
func isCheckout(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && modfile.ModulePath(b) == ringhold
}

func (s Source) check() error {
	switch {
	case s.Version == "" && !isCheckout(s.Checkout):
		return fmt.Errorf("%s is no checkout of Ringhold, its go.mod is not that of %s", s.Checkout, ringhold)
	case s.Version != "" && s.Checkout != "":
		return errors.New("the source of Ringhold is either a version or a checkout")
	case s.Version != "" && !semver.IsValid(s.Version):
		return fmt.Errorf("%q is no version of Ringhold: give one such as v0.3.0", s.Version)
	}
	return nil
}

// require is the version that go.mod names. What a replacement stands for needs
// some version that cannot be mistaken for a release.
func (s Source) require() string {
	if s.Version != "" {
		return s.Version
	}
	return "v0.0.0"
}

// replacement is the checkout as go.mod has it, or "". It is absolute unless
// the new module lies within the checkout: then both move together.
func (s Source) replacement(dir string) string {
	if s.Checkout == "" {
		return ""
	}
	if inside, err := filepath.Rel(s.Checkout, dir); err == nil && filepath.IsLocal(inside) {
		if up, err := filepath.Rel(dir, s.Checkout); err == nil {
			return modfile.AutoQuote(filepath.ToSlash(up))
		}
	}
	return modfile.AutoQuote(strings.TrimSuffix(s.Checkout, string(filepath.Separator)))
}
