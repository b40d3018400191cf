package pgtest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var errNoPgbouncer = errors.New("pgbouncer was not found: install its package, or, on Debian, have apt-get and dpkg in $PATH")

// Pgbouncer starts a pgbouncer in transaction mode in front of the server and
// returns the URL of the server behind it, with a schema of the test's own.
// pgbouncer itself ignores that search_path, as its users configure it to: else
// it refuses the connection. It ends with the test.
//
// Where it is not installed, Debian's package is fetched once into the user's
// cache. If that fails the test skips itself; with CI=true it fails.
func Pgbouncer(t testing.TB, s *Server) string {
	t.Helper()
	program, libraries, err := findPgbouncer(t.Context())
	if err != nil {
		giveUp(t, err)
	}
	address, k, err := startPgbouncer(t, s, program, libraries)
	if err != nil {
		t.Fatalf("start pgbouncer: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("pgbouncer's log:\n%s", k.log())
		}
		if err := k.close(); err != nil {
			t.Errorf("end pgbouncer: %v", err)
		}
	})
	u, err := url.Parse(s.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	u.Host = address
	return u.String()
}

func startPgbouncer(t testing.TB, s *Server, program string, libraries []string) (address string, _ *keeper, err error) {
	port, err := freePort(t.Context())
	if err != nil {
		return "", nil, err
	}
	k, err := newKeeper(os.TempDir(), "KILL", "LD_LIBRARY_PATH=lib")
	if err != nil {
		return "", nil, err
	}
	err = k.install(program, libraries)
	if err == nil {
		err = os.WriteFile(filepath.Join(k.dir, "pgbouncer.ini"), fmt.Appendf(nil, pgbouncerConfig, s.port, port), 0o644)
	}
	if err == nil {
		err = k.start("./pgbouncer pgbouncer.ini")
	}
	if err == nil {
		err = k.ready(t.Context(), "postgres://postgres@"+loopback(port)+"/postgres?sslmode=disable")
	}
	if err != nil {
		return "", nil, errors.Join(err, k.close())
	}
	return loopback(port), k, nil
}

const pgbouncerConfig = `[databases]
* = host=127.0.0.1 port=%d user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 500
ignore_startup_parameters = search_path,extra_float_digits
`

// install copies the program and its libraries to where the user that runs it
// can read them.
func (k *keeper) install(program string, libraries []string) error {
	if err := copyFile(filepath.Join(k.dir, "pgbouncer"), program); err != nil {
		return err
	}
	// What is in a folder of root's the keeper could not remove.
	if err := k.do("mkdir lib"); err != nil {
		return err
	}
	lib := filepath.Join(k.dir, "lib")
	for _, library := range libraries {
		if err := copyFile(filepath.Join(lib, filepath.Base(library)), library); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

// installed returns the path of the machine's own pgbouncer, "" if there is
// none.
func installed() string {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path
	}
	for _, path := range []string{"/usr/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer"} {
		if executable(path) {
			return path
		}
	}
	return ""
}
