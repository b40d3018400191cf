package scaffold

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/module"
)

// ringhold is the path of the module that the new one requires.
const ringhold = "github.com/ringhold/ringhold"

// maxName and serviceName are what the manifest's schema demands of
// metadata.name.
const maxName = 45

var (
	serviceName = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)
	notInName   = regexp.MustCompile(`[^a-z0-9]+`)
)

// nameOf makes a service's name of a directory's. It may come out empty.
func nameOf(dir string) string {
	name := notInName.ReplaceAllString(strings.ToLower(filepath.Base(dir)), "-")
	name = strings.TrimLeft(name, "-0123456789")
	if len(name) > maxName {
		name = name[:maxName]
	}
	return strings.Trim(name, "-")
}

func checkName(name string) error {
	if len(name) > maxName || !serviceName.MatchString(name) {
		return fmt.Errorf("the name %q cannot be a service's: give one of at most %d lower-case letters, digits and -, that starts with a letter, such as bank", name, maxName)
	}
	return nil
}

// binaryOf is the name that `go build` gives to the binary of a module.
func binaryOf(path string) string {
	prefix, _, ok := module.SplitPathVersion(path)
	if !ok {
		prefix = path
	}
	return prefix[strings.LastIndexByte(prefix, '/')+1:]
}

func checkModule(path string) error {
	if err := module.CheckImportPath(path); err != nil {
		return fmt.Errorf("the module path %q: %w: give one such as example.com/bank", path, err)
	}
	first, _, _ := strings.Cut(path, "/")
	if first == "std" || first == "cmd" {
		return fmt.Errorf("the module path %q: %s is Go's own: give one such as example.com/bank", path, first)
	}
	if binaryOf(path) == "internal" { // `go build` could not write its binary next to the directory
		return fmt.Errorf("the module path %q: a module cannot be called internal: give one such as example.com/bank", path)
	}
	if path == ringhold || strings.HasPrefix(path, ringhold+"/") {
		return fmt.Errorf("the module path %q is Ringhold's own: give one such as example.com/bank", path)
	}
	return nil
}
