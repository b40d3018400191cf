package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringhold/ringhold/internal/pgtest"
)

// startOn runs the bank over a store until the test ends. What start waits for
// is in the store, so it may take some seconds.
func startOn(t *testing.T, store string, flags ...string) *dev {
	t.Helper()
	d := newOn(t, store, flags...)
	d.start()
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("dev printed:\n%s", d.out)
		}
	})
	return d
}

// newOn is startOn without the start.
func newOn(t *testing.T, store string, flags ...string) *dev {
	t.Helper()
	return newDevOn(t, bankManifest, store, flags...)
}

func newDevOn(t *testing.T, manifest, store string, flags ...string) *dev {
	t.Helper()
	d := &dev{t: t, binary: ringhold, address: freeAddress(t)}
	d.args = append([]string{"dev", "-f", manifest, "--listen", d.address, "--store", store}, flags...)
	return d
}

// as is the URL with another role.
func as(t *testing.T, address, role, password string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, password)
	return u.String()
}

// schemaOf is the schema that a URL names.
func schemaOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("search_path")
}

// query runs statements and returns the first column of the last row.
func query(t *testing.T, address string, statements ...string) (value string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range statements {
		rows, err := conn.Query(ctx, statement, pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				t.Fatal(err)
			}
			value = fmt.Sprint(values[0])
		}
		if rows.Err() != nil {
			t.Fatalf("%s: %v", statement, rows.Err())
		}
	}
	return value
}

// load is callers who deposit 1 again and again, each to an account of its own,
// and repeat a deposit under the same key until it is answered with ok.
type load struct {
	t        *testing.T
	d        *dev
	stop     context.CancelFunc
	callers  sync.WaitGroup
	done     [4]atomic.Int64 // deposits that were answered
	wrong    atomic.Int64    // answers that no outage explains
	last     atomic.Pointer[string]
	answered chan struct{} // holds a token after each answer
}

func startLoad(t *testing.T, d *dev) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{t: t, d: d, stop: cancel, answered: make(chan struct{}, 1)}
	for i := range l.done {
		if r := d.cli("dispatch", "open_account", fmt.Sprintf(`{"id":"load-%d","owner":"Ada"}`, i)); r.code != 0 {
			t.Fatal(r.out)
		}
		l.callers.Go(func() {
			for n := 0; ctx.Err() == nil; {
				if l.deposit(ctx, i, n) {
					n++
					l.done[i].Add(1)
					select {
					case l.answered <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	t.Cleanup(l.end)
	l.goesOn(10 * time.Second)
	return l
}

func (l *load) deposit(ctx context.Context, account, n int) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.d.address+"/v1/services/deposit", strings.NewReader(fmt.Sprintf(`{"account_id":"load-%d","amount":1}`, account)))
	if err != nil {
		panic(err) // the test wrote the request
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", fmt.Sprintf("load-%d-%d", account, n))
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode == http.StatusOK {
			return true
		}
		text := fmt.Sprintf("%d %s", resp.StatusCode, body)
		l.last.Store(&text)
		if resp.StatusCode != http.StatusServiceUnavailable && resp.StatusCode != http.StatusGatewayTimeout {
			l.wrong.Add(1)
			l.t.Errorf("a deposit is answered with %s", text)
		}
	}
	select { // who is refused comes back a little later
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
	}
	return false
}

// goesOn waits until each caller had two more answers, of which the second was
// asked for after goesOn began, and returns how long that took.
func (l *load) goesOn(most time.Duration) time.Duration {
	l.t.Helper()
	began := time.Now()
	late := time.After(most)
	for i := range l.done {
		for before := l.done[i].Load(); l.done[i].Load() < before+2; {
			select {
			case <-l.answered:
			case <-late:
				text := "nothing"
				if last := l.last.Load(); last != nil {
					text = *last
				}
				l.t.Fatalf("deposits are not answered within %v; the last refusal: %s\ndev printed:\n%s", most, text, l.d.out)
			}
		}
	}
	return time.Since(began)
}

// stalls waits until nothing was answered for a second.
func (l *load) stalls() {
	l.t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case <-l.answered:
		case <-time.After(time.Second):
			return
		case <-late:
			l.t.Fatalf("deposits are answered all the same\n%s", l.d.out)
		}
	}
}

func (l *load) end() {
	l.stop()
	l.callers.Wait()
	http.DefaultClient.CloseIdleConnections()
}

// adds checks that each account has what was answered: the deposit whose answer
// was not waited for may be there or not.
func (l *load) adds(store string) {
	l.t.Helper()
	l.end()
	for i := range l.done {
		// open_account is the event of version 0.
		stored := query(l.t, store, fmt.Sprintf(`SELECT max(version) FROM %s.events WHERE stream = 'accounts-load-%d'`, schemaOf(l.t, store), i))
		if n := l.done[i].Load(); stored != fmt.Sprint(n) && stored != fmt.Sprint(n+1) {
			l.t.Errorf("account %d has %s deposits, %d were answered", i, stored, n)
		}
	}
}

// waitFor waits until the process has printed a text.
func (d *dev) waitFor(text string) {
	d.t.Helper()
	late := time.After(30 * time.Second)
	for !strings.Contains(d.out.String(), text) {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-late:
			d.t.Fatalf("dev does not print %q:\n%s", text, d.out)
		}
	}
}

// After a kill the next start says what it waits for, takes some three seconds
// and has everything; after a clean stop it waits for nobody. A second process is
// refused with the name of the first.
func TestPostgres_KilledAndStartedAgain(t *testing.T) {
	store := pgtest.URL(t)
	d := startOn(t, store)
	if r := d.cli("dispatch", "open_account", ada); r.code != 0 {
		t.Fatal(r.out)
	}
	second := newOn(t, store)
	r := run(t, ringhold, second.args...)
	if r.code != 1 {
		t.Errorf("a second process ends with %d", r.code)
	}
	contains(t, r.out, "is served by ringhold dev, pid", d.address, "end that one first")

	d.kill()
	killed := time.Now()
	d.start()
	if took := time.Since(killed); took < 2500*time.Millisecond || took > 10*time.Second {
		t.Errorf("a start after a kill took %v", took)
	}
	contains(t, d.out.String(), "waiting for the lease of member m0-", "pid")
	if r := d.cli("state", "accounts", "acc-1"); !strings.Contains(r.out, "Ada") {
		t.Errorf("after a kill: %s", r.out)
	}
	d.stop()
	stopped := time.Now()
	d.start()
	if took := time.Since(stopped); took > 2500*time.Millisecond {
		t.Errorf("a start after a clean stop took %v", took)
	}
	if r := d.cli("dispatch", "deposit", `{"account_id":"acc-1","amount":5}`); !strings.Contains(r.out, "ok @1") {
		t.Errorf("after a stop: %s", r.out)
	}
	if n := query(t, store, `SELECT version FROM `+schemaOf(t, store)+`.accounts WHERE id = 'acc-1'`); n != "1" {
		t.Errorf("the view of the accounts says version %s", n)
	}
	d.stop()
}

// Two processes that start together: one serves, the other one is refused.
func TestPostgres_StartedTogether(t *testing.T) {
	store := pgtest.URL(t)
	first := startOn(t, store) // makes the schema, and leaves members behind
	first.kill()
	both := []*dev{newOn(t, store), newOn(t, store)}
	ends := make(chan int, len(both))
	for i, d := range both {
		d.out = &output{}
		d.cmd = exec.Command(d.binary, d.args...)
		d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = root, d.out, d.out
		if err := d.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			_ = d.cmd.Wait() // the output says more
			ends <- i
		}()
	}
	loser := <-ends
	winner := both[1-loser]
	winner.waitFor("Ctrl-C stops it")
	contains(t, both[loser].out.String(), "is served by", winner.address)
	if err := winner.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-ends
}

// A process that is stopped for long, and whose group another one takes over,
// ends when it goes on, and says who has the group.
func TestPostgres_TakenOver(t *testing.T) {
	store := pgtest.URL(t)
	d := startOn(t, store)
	if err := d.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	second := startOn(t, store)
	if err := d.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-d.done:
	case <-time.After(20 * time.Second):
		t.Fatalf("it goes on\n%s", d.out)
	}
	if d.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("it ended with %v", d.err)
	}
	contains(t, d.out.String(), "does not own group default.bank any more", second.address)
	if r := second.cli("dispatch", "open_account", ada); r.code != 0 {
		t.Error(r.out)
	}
}

// The server is killed under load and away for longer than any lease: the process
// stays, and goes on by itself; nobody is deposed, no slot has another owner.
func TestPostgres_ServerKilled(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	store := server.URL(t)
	d := startOn(t, store)
	l := startLoad(t, d)
	owners := `SELECT md5(string_agg(slot || owner, ',' ORDER BY slot)) FROM ` + schemaOf(t, store) + `.slots`
	before := query(t, store, owners)
	// docs/postgresql.md: members + 5. The query is a session too.
	if n := query(t, store, `SELECT count(*) > 3 + 5 + 1, count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'`); n != "false" {
		t.Error("there are more connections than members + 5")
	}
	for range 2 {
		server.Kill()
		l.stalls()
		select {
		case <-d.done:
			t.Fatalf("it ended: %v", d.err)
		case <-time.After(6 * time.Second):
		}
		server.Restart(t)
		t.Logf("deposits were answered %v after the server was back", l.goesOn(5*time.Second))
	}
	l.adds(store)
	if after := query(t, store, owners); after != before {
		t.Error("slots have other owners")
	}
	if n := query(t, store, `SELECT count(*) FROM `+schemaOf(t, store)+`.members WHERE deposed`); n != "0" {
		t.Errorf("%s members are deposed", n)
	}

	// It ends while the server is away, too, and says in a line what that means.
	server.Kill()
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-d.done:
	case <-time.After(20 * time.Second):
		t.Fatalf("it does not end\n%s", d.out)
	}
	if code := d.cmd.ProcessState.ExitCode(); code != 1 || strings.Count(d.out.String(), "stopped without signing off") != 1 || strings.Contains(d.out.String(), "stop member") {
		t.Errorf("it ended with %d", code)
	}
}

// A URL from the environment, and a password from a file, work as a flag does.
func TestPostgres_Environment(t *testing.T) {
	store := pgtest.URL(t)
	t.Setenv("RINGHOLD_STORE", as(t, store, "postgres", "top-secret"))
	// A checkout in which somebody tried the README has an embedded store.
	d := &dev{t: t, binary: ringhold, dir: t.TempDir(), address: freeAddress(t)}
	d.args = []string{"dev", "-f", filepath.Join(root, bankManifest), "--listen", d.address}
	d.start()
	defer d.kill()
	d.stop() // it answers before it says what it serves
	if text := d.out.String(); strings.Contains(text, "top-secret") || !strings.Contains(text, "postgres:xxxxx@") {
		t.Errorf("it printed\n%s", text)
	}
	if _, err := os.Stat(filepath.Join(d.dir, ".ringhold")); err == nil {
		t.Error("the embedded store was made")
	}
}
