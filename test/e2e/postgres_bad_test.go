package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringhold/ringhold/internal/pgtest"
)

const password = "open-sesame"

// guarded is a server that asks the role app for its password, and a URL with it
// of a schema that is migrated for app.
func guarded(t *testing.T, settings map[string]string) (server *pgtest.Server, owner, store string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ringhold-e2e-hba-") //nolint:usetesting // the server may be another user, whom t.TempDir keeps out
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	hba := filepath.Join(dir, "pg_hba.conf")
	const rules = "host all app 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(hba, []byte(rules), 0o644)); err != nil { //nolint:gosec // no secrets
		t.Fatal(err)
	}
	all := map[string]string{"hba_file": hba}
	for name, value := range settings {
		all[name] = value
	}
	server = pgtest.Start(t, pgtest.Options{Settings: all})
	owner = server.URL(t)
	query(t, owner, "CREATE ROLE app LOGIN PASSWORD '"+password+"'")
	if r := run(t, ringhold, "migrate", "-f", bankManifest, "--store", owner, "--role", "app"); r.code != 0 {
		t.Fatal(r.out)
	}
	return server, owner, as(t, owner, "app", password)
}

// refusedAt runs a command that has to fail with one clear line and without the
// password.
func refusedAt(t *testing.T, what string, args []string, want ...string) {
	t.Helper()
	r := run(t, ringhold, args...)
	text := strings.TrimSpace(r.out)
	if r.code == 0 || strings.Contains(text, "\n") || strings.Contains(text, password) || strings.Count(text, "postgres://") > 1 {
		t.Errorf("%s: exit %d, and says\n%s", what, r.code, r.out)
	}
	contains(t, text, want...)
}

// What is wrong at a start is said in one line that names what mends it.
func TestPostgresBad_AtStart(t *testing.T) {
	_, owner, store := guarded(t, nil)
	schema := schemaOf(t, owner)
	serve := func(address string) []string {
		return []string{"serve", "-f", bankManifest, "--listen", freeAddress(t), "--admin", freeAddress(t), "--store", address}
	}
	refusedAt(t, "a wrong password", serve(as(t, store, "app", "nonsense")), "password authentication failed", `look at the role "app"`)
	refusedAt(t, "no database", serve(strings.Replace(store, "/postgres?", "/nowhere?", 1)), `create the database "nowhere"`)
	refusedAt(t, "nobody listens", serve("postgres://app:"+password+"@127.0.0.1:1/x"), "connection refused", "see that the server runs")
	refusedAt(t, "no schema", serve(strings.Replace(store, schema, "elsewhere", 1)), "run `ringhold migrate`")
	refusedAt(t, "no right to make one", []string{"migrate", "-f", bankManifest, "--store", strings.Replace(store, schema, "elsewhere", 1)},
		`CREATE SCHEMA IF NOT EXISTS "elsewhere" AUTHORIZATION "app"`)
	refusedAt(t, "a URL that is none", serve("postgres://app:"+password+"@127.0.0.1:port/x"), "not of the form postgres://")

	query(t, owner, "REVOKE INSERT ON "+schema+".events FROM app")
	refusedAt(t, "a right is missing", serve(store), `the role "app" lacks rights on events`, "GRANT SELECT, INSERT, UPDATE, DELETE")
	query(t, owner, "GRANT INSERT ON "+schema+".events TO app")

	query(t, owner, "ALTER ROLE app SET default_transaction_read_only = on")
	refusedAt(t, "read-only", serve(store), "takes no writes", "default_transaction_read_only")
	query(t, owner, "ALTER ROLE app RESET default_transaction_read_only")

	query(t, owner, "ALTER ROLE app CONNECTION LIMIT 0")
	refusedAt(t, "no connections", serve(store), "too many connections", "a process needs a connection for each writer")
	query(t, owner, "ALTER ROLE app CONNECTION LIMIT -1")

	query(t, owner, "UPDATE "+schema+".schema SET version = 7, min_binary = 6")
	refusedAt(t, "a newer schema", serve(store), "schema 7, which needs a binary of schema 6 or newer", "use a newer release")
	refusedAt(t, "a newer schema, to migrate", []string{"migrate", "-f", bankManifest, "--store", owner}, "use a newer release")
	query(t, owner, "UPDATE "+schema+".schema SET version = 1, min_binary = 1")

	d := startOn(t, store) // now that nothing is wrong any more
	d.stop()
}

// Rights are given and asked for on what is Ringhold's own, whatever else stands in
// the schema, and advice names the role and the database that were really used.
func TestPostgresBad_Rights(t *testing.T) {
	_, owner, store := guarded(t, nil)
	schema := schemaOf(t, owner)
	query(t, owner, "CREATE TABLE "+schema+".orders (id integer)", "CREATE ROLE reader LOGIN")
	r := run(t, ringhold, "migrate", "-f", bankManifest, "--store", owner, "--role", "app")
	if r.code != 0 || strings.Contains(r.out, "orders") {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
	query(t, owner, "CREATE TABLE "+schema+".later (id integer)")
	for _, table := range []string{"orders", "later"} {
		if got := query(t, owner, "SELECT has_table_privilege('app', '"+schema+"."+table+"', 'SELECT')"); got != "false" {
			t.Errorf("app may read %s, which is not Ringhold's: %s", table, got)
		}
	}
	d := startOn(t, store)
	if r := d.cli("dispatch", "open_account", ada); r.code != 0 {
		t.Error(r.out)
	}
	d.stop()
	for _, line := range strings.Split(r.out, "\n") {
		if strings.Contains(line, `"PERSON"`) {
			query(t, owner, strings.TrimSuffix(strings.ReplaceAll(strings.TrimSpace(line), `"PERSON"`, "reader"), ";"))
		}
	}
	if got := query(t, as(t, owner, "reader", ""), "SELECT count(*) FROM accounts"); got != "1" {
		t.Errorf("a person who was given what is printed reads %s accounts", got)
	}

	query(t, owner, "CREATE ROLE copier LOGIN", "ALTER ROLE copier SET default_transaction_read_only = on", "GRANT USAGE ON SCHEMA "+schema+" TO copier", "GRANT SELECT ON ALL TABLES IN SCHEMA "+schema+" TO copier")
	contains(t, moves(t, 0, "export", "-f", bankManifest, "--store", as(t, owner, "copier", ""), "--hash-only"), "1 events of")

	t.Setenv("PGUSER", "app")
	t.Setenv("PGPASSWORD", password)
	bare, _, _ := strings.Cut(strings.Replace(store, "app:"+password+"@", "", 1), "?")
	for _, command := range []string{"migrate", "dev"} {
		refusedAt(t, command+" without the right to make a schema", []string{command, "-f", bankManifest, "--store", bare + "?search_path=a%2Cb"},
			`CREATE SCHEMA IF NOT EXISTS "a" AUTHORIZATION "app"`, `GRANT CREATE ON DATABASE "postgres" TO "app"`)
	}
}

// trouble is something that goes wrong while a process serves, and comes right
// again.
type trouble struct {
	begin, end func()
	says       string // what the process says of it
}

// during has trouble come and go under load: the process stays, answers nothing
// that is not so, says what is wrong, and goes on by itself.
func (d *dev) during(l *load, tr trouble) {
	d.t.Helper()
	tr.begin()
	l.stalls()
	d.waitFor(tr.says)
	tr.end()
	d.t.Logf("%s: deposits were answered %v after it was over", tr.says, l.goesOn(10*time.Second))
	if strings.Contains(d.out.String(), password) {
		d.t.Errorf("it prints the password:\n%s", d.out)
	}
}

// kick ends the sessions of the role app, so that it has to connect again.
const kick = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'app'"

func TestPostgresBad_WhileItServes(t *testing.T) {
	server, owner, store := guarded(t, map[string]string{"max_connections": "30"})
	schema := schemaOf(t, owner)
	d := startOn(t, store)
	l := startLoad(t, d)

	{
		d.during(l, trouble{
			begin: func() { query(t, owner, "ALTER ROLE app PASSWORD 'another'", kick) },
			end:   func() { query(t, owner, "ALTER ROLE app PASSWORD '"+password+"'") },
			says:  "password authentication failed",
		})
	}
	{
		d.during(l, trouble{
			begin: func() { server.Set(t, map[string]string{"default_transaction_read_only": "on"}) },
			end:   func() { server.Set(t, map[string]string{"default_transaction_read_only": "off"}) },
			says:  "default_transaction_read_only",
		})
	}
	{
		d.during(l, trouble{
			begin: func() { query(t, owner, "REVOKE INSERT ON "+schema+".events FROM app") },
			end:   func() { query(t, owner, "GRANT INSERT ON "+schema+".events TO app") },
			says:  "permission denied for table events",
		})
	}
	{
		var hogs []*pgx.Conn
		d.during(l, trouble{
			begin: func() {
				// App is kept out until the hogs have what it had.
				query(t, owner, "CREATE ROLE hog LOGIN", "ALTER ROLE app CONNECTION LIMIT 0", kick)
				for {
					conn, err := pgx.Connect(t.Context(), as(t, owner, "hog", ""))
					if err != nil {
						break
					}
					hogs = append(hogs, conn)
				}
				query(t, owner, "ALTER ROLE app CONNECTION LIMIT -1")
			},
			end: func() {
				for _, conn := range hogs {
					_ = conn.Close(context.WithoutCancel(t.Context())) // the test is over
				}
			},
			says: "remaining connection slots are reserved",
		})
	}
	l.adds(owner)
	d.stop()
}

// The server's disk is full, and has room again.
func TestPostgresBad_DiskFull(t *testing.T) {
	dir, err := os.MkdirTemp("", "ringhold-e2e-disk-") //nolint:usetesting // the server may be another user, whom t.TempDir keeps out
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=160m,mode=0777", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("a small disk cannot be made, which takes root and the right to mount: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v %s", dir, err, out)
		}
	})
	server := pgtest.Start(t, pgtest.Options{DataDir: dir, Settings: map[string]string{"max_wal_size": "48MB", "min_wal_size": "32MB"}})
	store := server.URL(t)
	d := startOn(t, store)
	l := startLoad(t, d)
	ballast := filepath.Join(dir, "ballast")
	d.during(l, trouble{
		begin: func() {
			f, err := os.Create(ballast)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			chunk := make([]byte, 64<<10)
			for err == nil { // until the disk is full
				_, err = f.Write(chunk)
			}
			// Tables grow by pages; a filler has them need new ones at once.
			query(t, store, fmt.Sprintf(`DO $$ BEGIN CREATE TABLE %s.filler (x text); INSERT INTO %[1]s.filler SELECT repeat('x', 100) FROM generate_series(1, 200000); EXCEPTION WHEN disk_full THEN NULL; END $$`, schemaOf(t, store)))
		},
		end: func() {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			server.Restart(t) // a server whose log has no room ends
		},
		says: "make room",
	})
	l.adds(store)
	d.stop()
}
