package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bench is one run of the program. It belongs to one goroutine.
type bench struct {
	options
	machine   machine
	temp      string // removed at the end, if it was made
	server    *server
	serverDir string // for its folder; removed at the end
	schemas   int    // that were made
	hosts     int    // that were opened
}

func newBench(o options) (*bench, error) {
	b := &bench{options: o, machine: thisMachine()}
	if o.out != "" { // before hours of work
		if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
			return nil, fmt.Errorf("-out: %w", err)
		}
		if _, err := readResults(filepath.Join(filepath.Dir(o.out), resultsFile)); err != nil {
			return nil, err
		}
	}
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "ringhold-bench-")
		if err != nil {
			return nil, fmt.Errorf("make a directory: %w", err)
		}
		b.temp, b.dir = dir, dir
	}
	return b, nil
}

// close ends the server, if one was started, and removes what was made.
func (b *bench) close() error {
	var err error
	if b.server != nil {
		err = errors.Join(b.server.close(), os.RemoveAll(b.serverDir))
	}
	if b.temp != "" {
		err = errors.Join(err, os.RemoveAll(b.temp))
	}
	return err
}

// folder makes an empty folder below -dir; remove it with os.RemoveAll.
func (b *bench) folder(what string) (string, error) {
	dir, err := os.MkdirTemp(b.dir, what+"-")
	if err != nil {
		return "", fmt.Errorf("make a directory: %w", err)
	}
	return dir, nil
}

// postgres returns the server, which the first question that needs it starts.
func (b *bench) postgres(ctx context.Context) (*server, error) {
	if b.server != nil {
		return b.server, nil
	}
	dir, err := b.folder("server")
	if err != nil {
		return nil, err
	}
	// Where this process is root, the server is another user.
	for path, mode := range map[string]os.FileMode{dir: 0o777 | os.ModeSticky, b.temp: 0o755} {
		if path == "" {
			continue
		}
		if err := os.Chmod(path, mode); err != nil {
			return nil, fmt.Errorf("let the server's user into its folder: %w", err)
		}
	}
	s, err := openServer(ctx, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	b.serverDir = dir
	b.server = s
	b.machine.Postgres = s.version
	return s, nil
}

// durableStore is where a question about aggregates in memory or about loads
// puts its events if one store is enough: the first of those asked for that is
// not memory.
func (b *bench) durableStore() string {
	for _, name := range []string{onPostgres, onSQLite} {
		if b.uses(name) {
			return name
		}
	}
	return inMemory
}

// progress tells on stderr what takes long.
func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// keep writes an answer to -out, beside those of other runs.
func (b *bench) keep(r *result) error {
	if b.out == "" {
		return nil
	}
	r.Machine = b.machine.String()
	path := filepath.Join(filepath.Dir(b.out), resultsFile)
	kept, err := readResults(path)
	if err != nil {
		return err
	}
	kept.put(r)
	if err := kept.write(path); err != nil {
		return err
	}
	return writeMarkdown(b.out, kept)
}

const resultsFile = "results.json"

func (b *bench) newResult(q question) *result {
	return &result{
		Name: q.name, Asks: upperFirst(q.asks), Machine: b.machine.String(),
		Date: time.Now().UTC().Format(time.DateOnly),
	}
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
