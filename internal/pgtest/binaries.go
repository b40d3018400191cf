package pgtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

var errNoBinaries = errors.New("PostgreSQL's initdb and postgres were not found: install the server's package " +
	"(Debian: postgresql), put its bin folder into $PATH, or set " + Variable + " to the URL of a server")

// places are where packages and installers put the server, beside $PATH.
var places = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/usr/local/pgsql/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// findBinaries returns the folder of initdb and postgres.
func findBinaries(ctx context.Context) (string, error) {
	if unsupported != nil {
		return "", unsupported
	}
	for _, dir := range candidates(ctx) {
		if executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", errNoBinaries
}

// candidates lists folders to look into, the best first.
func candidates(ctx context.Context) []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range places {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // only a malformed pattern fails
		}
		slices.SortStableFunc(found, func(a, b string) int { return int(release(b)*10) - int(release(a)*10) })
		dirs = append(dirs, found...)
	}
	return dirs
}

// release reads the server's release from the folder's path, 0 if there is
// none in it.
func release(dir string) float64 {
	parent := filepath.Base(filepath.Dir(dir))
	number, err := strconv.ParseFloat(strings.TrimLeft(parent, "abcdefghijklmnopqrstuvwxyz-@"), 64)
	if err != nil {
		return 0
	}
	return number
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
