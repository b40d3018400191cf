// Package e2e runs Ringhold as its users do: real processes that are killed,
// real clients (curl, grpcurl, the ringhold command), files on a disk.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/ringhold/ringhold/internal/pgtest"
)

// Paths of what TestMain built.
var (
	root     string // of the repository
	ringhold string
	boom     string // a shard binary whose aggregate panics on request
	grpcurl  string
)

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "ringhold-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	if root, err = filepath.Abs("../.."); err != nil {
		return 1, err
	}
	ringhold, boom, grpcurl = filepath.Join(dir, "ringhold"), filepath.Join(dir, "boom"), filepath.Join(dir, "grpcurl")
	for _, build := range [][]string{
		{"build", "-o", ringhold, "./cmd/ringhold"},
		{"build", "-o", boom, "./test/e2e/boom"},
		{"build", "-modfile=hack/tools/go.mod", "-o", grpcurl, "github.com/fullstorydev/grpcurl/cmd/grpcurl"},
	} {
		cmd := exec.Command("go", build...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			return 1, fmt.Errorf("go %v: %w\n%s", build, err, out)
		}
	}
	return pgtest.Main(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop")), nil
}

// need skips the test where a program is missing; in CI that is a failure.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("%s is not installed", program)
}
