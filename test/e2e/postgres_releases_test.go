package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringhold/ringhold/internal/pgtest"
)

// releasesOn is a dev with the releases on a server of the test's own.
type releasesOn struct {
	*dev
	server *pgtest.Server
	store  string
	file   string // of the answers
}

func startReleases(t *testing.T) *releasesOn {
	t.Helper()
	r := &releasesOn{server: pgtest.Start(t, pgtest.Options{}), file: filepath.Join(t.TempDir(), "answers")}
	r.store = r.server.URL(t)
	r.dev = newDevOn(t, releasesManifest, r.store)
	r.start()
	t.Cleanup(func() {
		r.kill()
		if t.Failed() {
			t.Logf("dev printed:\n%s", r.out)
		}
	})
	return r
}

// send sends the file in the background.
func (r *releasesOn) send() <-chan result {
	answer := make(chan result, 1)
	go func() {
		answer <- r.cli("dispatch", "--from-file", releasesFile, "--quiet", "--in-flight", "64", "--retry-for", "2m", "--answers", r.file)
	}()
	return answer
}

// reach waits until so many events are stored, and returns how long it took.
func (r *releasesOn) reach(n int) time.Duration {
	r.t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, r.store)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for stored := 0; stored < n; {
		if err := conn.QueryRow(ctx, `SELECT count(*) FROM events`).Scan(&stored); err != nil {
			r.t.Fatalf("%d events are stored, not %d: %v\n%s", stored, n, err, r.out)
		}
	}
	return time.Since(began)
}

func (r *releasesOn) count() (n int) {
	r.t.Helper()
	conn, err := pgx.Connect(r.t.Context(), r.store)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close(r.t.Context()) }()
	if err := conn.QueryRow(r.t.Context(), `SELECT count(*) FROM events`).Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// checkAnswers holds each answer against the log: what was accepted is there, at
// the version that was answered, and what was refused is not.
func (r *releasesOn) checkAnswers() {
	r.t.Helper()
	stored := map[string]int64{}
	for _, e := range readLog(r.t, r.store) {
		stored[e.messageID] = e.version
	}
	file, err := os.Open(r.file)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	counts := map[string]int{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var a struct {
			Result    string `json:"result"`
			Version   *int64 `json:"version"`
			MessageID string `json:"message_id"`
		}
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			r.t.Fatal(err)
		}
		counts[a.Result]++
		version, is := stored[a.MessageID]
		switch {
		case a.Result == "error" && is:
			r.t.Errorf("%s was refused, and is stored at version %d", a.MessageID, version)
		case a.Result != "error" && (!is || a.Version == nil || *a.Version != version):
			r.t.Errorf("the answer %s; stored: %v, at version %d", lines.Bytes(), is, version)
		}
	}
	if total := counts["error"]; total != refused || len(stored) != accepted {
		r.t.Errorf("answers: %v, %d messages are stored", counts, len(stored))
	}
}

func (r *releasesOn) check(sent result) {
	r.t.Helper()
	checkTotals(r.t, sent)
	r.checkAnswers()
	checkTotals(r.t, r.sendFile()) // the same answers again, and nothing is stored
	r.stop()
	got, ids := storedInPostgres(r.t, r.store)
	checkStored(r.t, got, ids)
}

// Thirty years of releases in PostgreSQL.
func TestPostgresReleases_SentTwice(t *testing.T) {
	r := startReleases(t)
	r.check(<-r.send())
}

// The process is killed in the middle four times. Each start waits for the lease
// of the one before.
func TestPostgresReleases_DevKilledInTheMiddle(t *testing.T) {
	r := startReleases(t)
	sent := r.send()
	for _, n := range []int{1500, 3500, 5500, 7500} {
		r.reach(n)
		r.kill()
		if stored := r.count(); stored >= accepted {
			t.Errorf("the file was sent before the kill at %d", n)
		}
		began := time.Now()
		r.start()
		t.Logf("started again in %v", time.Since(began).Round(time.Millisecond))
	}
	r.check(<-sent)
}

// PostgreSQL is killed in the middle four times. The process stays, and goes on
// by itself.
func TestPostgresReleases_ServerKilledInTheMiddle(t *testing.T) {
	r := startReleases(t)
	process := r.cmd.Process.Pid
	sent := r.send()
	for _, n := range []int{1500, 3500, 5500, 7500} {
		r.reach(n)
		r.server.Kill()
		r.server.Restart(t)
		stored := r.count()
		if stored < n || stored >= accepted {
			t.Errorf("%d events are stored after the kill at %d", stored, n)
		}
		took := r.reach(stored + 1)
		t.Logf("killed with %d events; it went on %v after the server was back", stored, took.Round(time.Millisecond))
		if took > 10*time.Second {
			t.Errorf("that is long")
		}
	}
	r.check(<-sent)
	if r.cmd.Process.Pid != process {
		t.Error("it is another process")
	}
}
