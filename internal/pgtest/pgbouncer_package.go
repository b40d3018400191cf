package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// findPgbouncer returns the program, and the libraries that it needs beside
// those of the machine.
func findPgbouncer(ctx context.Context) (program string, libraries []string, err error) {
	if unsupported != nil {
		return "", nil, unsupported
	}
	if path := installed(); path != "" {
		return path, nil, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", nil, fmt.Errorf("%w; there is no cache either: %w", errNoPgbouncer, err)
	}
	dir := filepath.Join(cache, "ringhold", "pgbouncer")
	program = filepath.Join(dir, "usr/sbin/pgbouncer")
	if !executable(program) {
		if err := fetchPgbouncer(ctx, dir); err != nil {
			return "", nil, fmt.Errorf("%w; fetching Debian's package: %w", errNoPgbouncer, err)
		}
	}
	libraries, err = filepath.Glob(filepath.Join(dir, "usr/lib/*/*.so.*"))
	return program, libraries, err
}

// fetchPgbouncer unpacks Debian's package and the libraries that a machine may
// lack into dir, at once or not at all: other test binaries do the same.
func fetchPgbouncer(ctx context.Context, dir string) (err error) {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(parent, "pgbouncer-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	needs, err := output(ctx, work, "apt-cache", "depends", "--important", "pgbouncer")
	if err != nil {
		return err
	}
	packages := []string{"pgbouncer"}
	for word := range strings.FieldsSeq(needs) {
		if strings.HasPrefix(word, "libevent") || strings.HasPrefix(word, "libc-ares") {
			packages = append(packages, word)
		}
	}
	if _, err := output(ctx, work, "apt-get", append([]string{"download"}, packages...)...); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil {
		return err
	}
	for _, archive := range archives {
		if _, err := output(ctx, work, "dpkg", "-x", archive, "root"); err != nil {
			return err
		}
	}
	if err := os.Rename(filepath.Join(work, "root"), dir); err != nil && !executable(filepath.Join(dir, "usr/sbin/pgbouncer")) {
		return err
	}
	return nil
}

// output runs a program and returns what it printed; its error holds what it
// complained of.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = dir
	var complaints strings.Builder
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(complaints.String()))
	}
	return string(out), nil
}
