package scaffold

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// settle completes go.mod and go.sum. It prefers `go mod tidy`. That also asks
// for what only the tests of dependencies need, so it can fail without a
// network where a build would not: then the build settles what it can, and
// untidy is tidy's error.
func settle(ctx context.Context, o Options) (untidy, err error) {
	if err := seedSums(o); err != nil {
		return nil, fmt.Errorf("write the new module: %w", err)
	}
	if untidy = run(ctx, o, "mod", "tidy"); untidy == nil {
		return nil, nil
	}
	for _, args := range [][]string{{"build", "-mod=mod", "./..."}, {"vet", "-mod=mod", "./..."}} {
		if err := run(ctx, o, args...); err != nil {
			return nil, fmt.Errorf("the files are in %s, but what they require is not settled; run `go mod tidy` there: %w", o.Dir, errors.Join(untidy, err))
		}
	}
	return untidy, nil
}

// seedSums starts go.sum with a checkout's, so that the versions that Ringhold
// was tested with need not be asked for again. Tidying removes what is too much.
func seedSums(o Options) error {
	if o.Source.Checkout == "" {
		return nil
	}
	sums, err := os.ReadFile(filepath.Join(o.Source.Checkout, "go.sum"))
	if err != nil {
		return err
	}
	return write(o.Dir, file{path: "go.sum", content: sums})
}

// run runs the go command in the new module, without a workspace that may lie
// around it. What it prints goes to Progress and, at its end, into the error.
func run(ctx context.Context, o Options, args ...string) error {
	fmt.Fprintf(o.Progress, "go %s\n", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = o.Dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.WaitDelay = 5 * time.Second
	var printed bytes.Buffer
	both := io.MultiWriter(o.Progress, &printed)
	cmd.Stdout, cmd.Stderr = both, both
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, lastLines(printed.String(), 10))
	}
	return nil
}

// lastLines keeps an error readable.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
