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

// An export needs no more than a standby, which has the same log as its primary;
// what writes is refused there.
func TestTransfer_Standby(t *testing.T) {
	primary := pgtest.Start(t, pgtest.Options{})
	standby := primary.Standby(t)
	store := primary.URL(t)
	d := startOn(t, store)
	for i := range 20 {
		if r := d.cli("dispatch", "open_account", `{"id":"acc-`+strconv.Itoa(i)+`","owner":"Ada"}`); r.code != 0 {
			t.Fatal(r.out)
		}
	}
	d.stop()
	standby.CaughtUp(t, primary)
	there := strings.Replace(store, primary.Addr(), standby.Addr(), 1)
	hash := hashOf(t, bankManifest, store)
	if got := hashOf(t, bankManifest, there); got != hash || there == store {
		t.Errorf("the hash of the standby is %s, that of the primary %s", got, hash)
	}
	dir := t.TempDir()
	files := map[string]string{}
	for name, from := range map[string]string{"primary": store, "standby": there} {
		file := filepath.Join(dir, name+".jsonl")
		contains(t, moves(t, 0, "export", "-f", bankManifest, "--store", from, "-o", file), "exported 20 events", hash)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(content)
	}
	if files["primary"] != files["standby"] {
		t.Errorf("the standby is exported as\n%s\nthe primary as\n%s", files["standby"], files["primary"])
	}
	contains(t, moves(t, 0, "import", "-f", bankManifest, "--store", "sqlite:"+filepath.Join(dir, "a.db"), "-i", filepath.Join(dir, "standby.jsonl")), hash)
	for _, args := range [][]string{
		{"import", "-f", bankManifest, "--store", there, "-i", filepath.Join(dir, "standby.jsonl")},
		{"import", "-f", bankManifest, "--store", there, "--discard"},
		{"migrate", "-f", bankManifest, "--store", there},
		{"dev", "-f", bankManifest, "--store", there, "--listen", freeAddress(t)},
	} {
		refusedAt(t, args[0]+" on a standby", args, "it is a standby", "name the primary")
	}
}

// An import that was not finished is removed, and the group is as a new one: it is
// served, with another number of slots too, and imported into.
func TestTransfer_Discard(t *testing.T) {
	dir := t.TempDir()
	var lines bytes.Buffer
	for i := range 1500 {
		lines.WriteString(`{"stream":"accounts","id":"acc-` + strconv.Itoa(i) + `","type":"opened","data":{"owner":"Ada"}}` + "\n")
	}
	whole := bytes.Clone(lines.Bytes())
	lines.WriteString(`{"stream":"accounts",` + "\n") // which is found when much is stored
	manifest, err := os.ReadFile(filepath.Join(root, bankManifest))
	if err != nil {
		t.Fatal(err)
	}
	fewer := filepath.Join(dir, "fewer.yaml")
	if err := os.WriteFile(fewer, bytes.Replace(manifest, []byte("slots: 256"), []byte("slots: 64"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, store := range []string{"sqlite:" + filepath.Join(dir, "a.db"), pgtest.URL(t)} {
		args := []string{"import", "-f", bankManifest, "--store", store, "--from", "lines"}
		for range 2 {
			if r := runWith(t, lines.Bytes(), ringhold, args...); r.code != 2 || !strings.Contains(r.out, "line 1501") {
				t.Fatalf("exit %d: %s", r.code, r.out)
			}
			contains(t, moves(t, 1, "dev", "-f", bankManifest, "--store", store, "--listen", freeAddress(t)), "has not come to its end")
			contains(t, moves(t, 0, "import", "-f", bankManifest, "--store", store, "--discard"), "removed the 1000 events", "it is empty")
			contains(t, moves(t, 0, "export", "-f", bankManifest, "--store", store, "--hash-only"), " 0 events of")
		}
		contains(t, moves(t, 1, "import", "-f", bankManifest, "--store", store, "--discard"), "nothing of it is removed")
		contains(t, moves(t, 1, "export", "--group", "default.bank", "--store", store), "holds nothing of group")
		if r := runWith(t, whole, ringhold, append(args[:2:2], append([]string{fewer}, args[3:]...)...)...); r.code != 0 || !strings.Contains(r.out, "imported 1500 events") {
			t.Fatalf("with fewer slots: exit %d: %s", r.code, r.out)
		}
	}
	for _, store := range []string{"sqlite:" + filepath.Join(dir, "b.db"), pgtest.URL(t)} {
		if r := runWith(t, lines.Bytes(), ringhold, "import", "-f", bankManifest, "--store", store, "--from", "lines"); r.code != 2 {
			t.Fatalf("exit %d: %s", r.code, r.out)
		}
		moves(t, 0, "import", "-f", bankManifest, "--store", store, "--discard")
		d := newDevOn(t, fewer, store)
		d.start()
		contains(t, d.cli("dispatch", "open_account", ada).out, "created acc-1 @0")
		d.stop()
		contains(t, moves(t, 1, "import", "-f", fewer, "--store", store, "--discard"), "nothing of it is removed")
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
