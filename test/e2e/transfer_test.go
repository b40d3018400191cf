package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
)

// moves runs export or import, and demands an exit code.
func moves(t *testing.T, code int, args ...string) string {
	t.Helper()
	r := run(t, ringhold, args...)
	if r.code != code {
		t.Fatalf("%v ended with %d, want %d:\n%s", args, r.code, code, r.out)
	}
	return r.out
}

// hashOf is the hash of a store's log.
func hashOf(t *testing.T, manifest, store string) string {
	t.Helper()
	hash, _, ok := strings.Cut(moves(t, 0, "export", "-f", manifest, "--store", store, "--hash-only", "-q"), " ")
	if !ok || len(hash) != 64 {
		t.Fatalf("the hash of %s is %q", store, hash)
	}
	return hash
}

// The bank goes from SQLite to PostgreSQL and back. The log is the same
// everywhere, and the bank goes on in each place: old messages are answered with
// their first responses, what was erased stays erased.
func TestTransfer_ThereAndBack(t *testing.T) {
	dir, database := t.TempDir(), pgtest.URL(t)
	first, third := "sqlite:"+filepath.Join(dir, "first.db"), "sqlite:"+filepath.Join(dir, "third.db")
	d := startOn(t, first)
	for _, args := range [][]string{
		{"dispatch", "open_account", ada, "--id", "first"},
		{"dispatch", "deposit", `{"account_id": "acc-1",` + "\n" + `"amount": 100}`, "--id", "d-1"},
		{"dispatch", "open_account", `{"id":"acc-2","owner":"Bob – \u0000 <&>"}`, "--id", "b-1"},
		{"delete", "accounts", "acc-2"},
		{"dispatch", "open_account", `{"id":"acc-3","owner":"Eve"}`},
		{"delete", "accounts", "acc-3", "--hard", "--confirm", "acc-3"},
	} {
		if r := d.cli(args...); r.code != 0 {
			t.Fatalf("%v: %s", args, r.out)
		}
	}
	d.stop()
	hash := hashOf(t, bankManifest, first)
	for i, step := range []struct{ from, to string }{{first, database}, {database, third}} {
		file := filepath.Join(dir, "moved"+strconv.Itoa(i)+".jsonl.gz")
		contains(t, moves(t, 0, "export", "-f", bankManifest, "--store", step.from, "-o", file), hash, "exported 6 events")
		contains(t, moves(t, 0, "import", "-f", bankManifest, "-i", file, "--dry-run"), hash, "the file is right")
		contains(t, moves(t, 0, "import", "-f", bankManifest, "-i", file, "--store", step.to), hash, "imported 6 events")
		contains(t, moves(t, 0, "import", "-f", bankManifest, "-i", file, "--store", step.to), hash, "6 events were there already")
		if got := hashOf(t, bankManifest, step.to); got != hash {
			t.Fatalf("the hash is %s, want %s", got, hash)
		}
	}
	if got := query(t, database, "SELECT count(*) FROM accounts"); got != "3" {
		t.Errorf("the view of the stream has %s rows after the import", got)
	}
	for _, store := range []string{database, third} {
		d := startOn(t, store)
		contains(t, d.cli("dispatch", "open_account", ada, "--id", "first").out, "created acc-1 @0")
		contains(t, d.cli("dispatch", "deposit", `{"account_id":"acc-1","amount":100}`, "--id", "d-1").out, "ok @1")
		contains(t, d.cli("dispatch", "deposit", `{"account_id":"acc-1","amount":11}`).out, "ok @2")
		contains(t, d.cli("state", "accounts", "acc-1").out, "111")
		contains(t, d.cli("dispatch", "deposit", `{"account_id":"acc-2","amount":1}`).out, "not found")
		contains(t, d.cli("dispatch", "open_account", `{"id":"acc-2","owner":"Bob"}`).out, "created acc-2 @2")
		contains(t, d.cli("dispatch", "open_account", `{"id":"acc-3","owner":"Eve"}`).out, "erased")
		d.stop()
	}
}

// A group that is served is neither imported into nor exported, but for its
// events; both refusals say who serves it.
func TestTransfer_Served(t *testing.T) {
	dir, database := t.TempDir(), pgtest.URL(t)
	file := filepath.Join(dir, "bank.jsonl")
	d := startOn(t, database)
	if r := d.cli("dispatch", "open_account", ada); r.code != 0 {
		t.Fatal(r.out)
	}
	contains(t, moves(t, 1, "export", "-f", bankManifest, "--store", database, "-o", file), "is served by", d.address, "--live")
	contains(t, moves(t, 0, "export", "-f", bankManifest, "--store", database, "-o", file, "--live"), "exported 1 events")
	contains(t, moves(t, 1, "import", "-f", bankManifest, "--store", database, "-i", file), "is served by", d.address)
	d.stop()
	contains(t, moves(t, 0, "import", "-f", bankManifest, "--store", database, "-i", file), "1 events were there already")
	contains(t, moves(t, 2, "export", "-f", bankManifest, "--store", database, "-o", file), "is there already", "--resume")
}

// killWhen starts a command and kills it once reached says so.
func killWhen(t *testing.T, reached func() bool, args ...string) (killed bool) {
	t.Helper()
	cmd := exec.Command(ringhold, args...)
	cmd.Dir = root
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v: %v\n%s", args, err, out.String())
			}
			return false
		case <-tick.C:
			if reached() {
				_ = cmd.Process.Kill() // it may have ended
				return (<-ended) != nil
			}
		}
	}
}

// Exports and imports that are killed with -9 go on, to the same bytes and the
// same hash. What was imported in part is not served.
func TestTransfer_Killed(t *testing.T) {
	dir, database := t.TempDir(), pgtest.URL(t)
	source, file := "sqlite:"+filepath.Join(dir, "source.db"), filepath.Join(dir, "killed.jsonl")
	d := newOn(t, source)
	d.args[2] = releasesManifest
	d.start()
	r := d.cli("dispatch", "--from-file", releasesFile)
	d.stop()
	if r.code != 0 {
		t.Fatal(r.out)
	}
	hash := hashOf(t, releasesManifest, source)
	whole := filepath.Join(dir, "whole.jsonl")
	moves(t, 0, "export", "-f", releasesManifest, "--store", source, "-o", whole)
	want, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	size := func(path string) int64 {
		s, err := os.Stat(path)
		if err != nil {
			return 0
		}
		return s.Size()
	}
	kills := 0
	for part := range int64(4) {
		if killWhen(t, func() bool { return size(file) > int64(len(want))*(part+1)/6 }, "export", "-f", releasesManifest, "--store", source, "-o", file, "--resume") {
			kills++
		}
	}
	moves(t, 0, "export", "-f", releasesManifest, "--store", source, "-o", file, "--resume")
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file has %d bytes, want %d that are the same (%v)", len(got), len(want), err)
	}
	if kills == 0 {
		t.Error("no export was killed")
	}

	embedded := filepath.Join(dir, "target.db")
	query(t, database, "CREATE SCHEMA "+schemaOf(t, database))
	events := func() bool {
		n, err := strconv.Atoi(query(t, database, "SELECT count(*) FROM pg_tables WHERE tablename = 'erasures' AND schemaname = current_schema()"))
		if err != nil || n == 0 {
			return false
		}
		n, err = strconv.Atoi(query(t, database, "SELECT count(*) FROM events"))
		return err == nil && n > 0
	}
	for _, target := range []struct {
		store   string
		reached func() bool
	}{
		{"sqlite:" + embedded, func() bool { return size(embedded+"-wal") > 1<<20 }},
		{database, events},
	} {
		args := []string{"import", "-f", releasesManifest, "--store", target.store, "-i", whole}
		if !killWhen(t, target.reached, args...) {
			t.Errorf("the import into %s was not killed", target.store)
		}
		d := run(t, ringhold, "dev", "-f", releasesManifest, "--store", target.store, "--listen", freeAddress(t))
		if d.code == 0 {
			t.Error("a group that was imported in part is served")
		}
		contains(t, d.out, "has not come to its end", "ringhold import")
		contains(t, moves(t, 0, "import", "-f", releasesManifest, "--store", target.store, "--discard"), "it is empty")
		contains(t, moves(t, 1, "import", "-f", releasesManifest, "--store", target.store, "--discard"), "nothing of it is removed")
		if !killWhen(t, target.reached, args...) {
			t.Errorf("the second import into %s was not killed", target.store)
		}
		contains(t, moves(t, 0, args...), hash, "were there already")
		if got := hashOf(t, releasesManifest, target.store); got != hash {
			t.Errorf("the hash is %s, want %s", got, hash)
		}
	}
}

// Events of another store become accounts.
func TestTransfer_Lines(t *testing.T) {
	dir := t.TempDir()
	store := "sqlite:" + filepath.Join(dir, "bank.db")
	lines := []byte(`{"stream":"accounts","id":"acc-1","type":"opened","data":{"owner":"Ada"},"message_id":"m-1"}
{"stream":"accounts","id":"acc-1","type":"deposited","data":{"amount":100}}
`)
	args := []string{"import", "-f", bankManifest, "--store", store, "--from", "lines"}
	for range 2 {
		if r := runWith(t, lines, ringhold, args...); r.code != 0 || !strings.Contains(r.out, "imported 2 events") {
			t.Fatalf("exit %d: %s", r.code, r.out)
		}
	}
	if r := runWith(t, []byte(`{"stream":"accounts"}`+"\n"), ringhold, append(args, "--dry-run")...); r.code != 2 || !strings.Contains(r.out, "line 1: stream is") {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
	d := startOn(t, store)
	contains(t, d.cli("state", "accounts", "acc-1").out, "100", "Ada")
	contains(t, d.cli("dispatch", "deposit", `{"account_id":"acc-1","amount":1}`).out, "ok @2")
	if r := d.cli("dispatch", "deposit", `{"account_id":"acc-1","amount":1}`, "--id", "m-1"); r.code == 0 {
		t.Errorf("a message of the other store ran again: %s", r.out)
	}
	d.stop()
}
