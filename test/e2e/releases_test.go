package e2e

import (
	"bufio"
	"compress/gzip"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // reads the file of the embedded store
	"pault.ag/go/debian/version"
)

const (
	releasesManifest = "examples/releases/aggregateservice.yaml"
	releasesFile     = "examples/releases/debian-releases.jsonl.gz"
	accepted         = 11_081
	refused          = 391
)

// release is a line of the file, as far as the rule needs it.
type release struct {
	ID         string `json:"id"`
	RawRequest struct {
		Package string `json:"package"`
		Version string `json:"version"`
	} `json:"raw_request"`
}

// expected folds the file without Ringhold: the accepted versions of each
// package, in their order.
func expected(t *testing.T) (byPackage map[string][]string, ids []string) {
	t.Helper()
	file, err := os.Open(filepath.Join(root, releasesFile))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	byPackage = map[string][]string{}
	last := map[string]version.Version{}
	lines, no := bufio.NewScanner(plain), 0
	for lines.Scan() {
		var r release
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		v, err := version.Parse(r.RawRequest.Version)
		if err != nil {
			t.Fatal(err)
		}
		before, known := last[r.RawRequest.Package]
		if known && version.Compare(v, before) <= 0 {
			no++
			continue
		}
		last[r.RawRequest.Package] = v
		byPackage[r.RawRequest.Package] = append(byPackage[r.RawRequest.Package], r.RawRequest.Version)
		ids = append(ids, r.ID)
	}
	if lines.Err() != nil || len(ids) != accepted || no != refused {
		t.Fatalf("the fold accepts %d and refuses %d: %v", len(ids), no, lines.Err())
	}
	return byPackage, ids
}

// stored reads the same from the file of the store, without Ringhold too.
func stored(t *testing.T, d *dev) (byPackage map[string][]string, ids []string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+d.database()+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.Query(`SELECT stream, version, data, message_id FROM events ORDER BY stream, version`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	byPackage = map[string][]string{}
	for rows.Next() {
		var stream, id string
		var at int
		var data []byte
		if err := rows.Scan(&stream, &at, &data, &id); err != nil {
			t.Fatal(err)
		}
		var e struct {
			Version string `json:"version"`
		}
		if err := json.Unmarshal(data, &e); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(stream, "packages-")
		if at != len(byPackage[name]) {
			t.Errorf("%s: version %d follows %d events", stream, at, len(byPackage[name]))
		}
		byPackage[name] = append(byPackage[name], e.Version)
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return byPackage, ids
}

func (d *dev) sendFile() result {
	d.t.Helper()
	return d.cli("dispatch", "--from-file", releasesFile)
}

func checkTotals(t *testing.T, r result) {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.out)
	}
	contains(t, r.out, "11081 accepted", "391 refused", "0 failed", "not_newer")
}

func checkLog(t *testing.T, d *dev) {
	t.Helper()
	got, ids := stored(t, d)
	checkStored(t, got, ids)
}

// checkStored compares with the fold that is made without Ringhold.
func checkStored(t *testing.T, got map[string][]string, gotIDs []string) {
	t.Helper()
	want, wantIDs := expected(t)
	if len(got) != len(want) {
		t.Errorf("%d packages are stored, want %d", len(got), len(want))
	}
	for name, versions := range want {
		if !slices.Equal(got[name], versions) {
			t.Errorf("%s: stored %v, want %v", name, got[name], versions)
		}
	}
	slices.Sort(wantIDs)
	slices.Sort(gotIDs)
	if !slices.Equal(gotIDs, wantIDs) {
		t.Errorf("%d message ids are stored, want each of %d once", len(gotIDs), len(wantIDs))
	}
}

// Thirty years of releases, sent twice: the second time changes nothing and
// answers the same.
func TestReleases_SentTwice(t *testing.T) {
	d := startDev(t, ringhold, releasesManifest)
	checkTotals(t, d.sendFile())
	checkTotals(t, d.sendFile())
	r := d.cli("state", "packages", "bash", "--at", "10")
	if r.code != 0 || !strings.Contains(r.out, "version") {
		t.Errorf("state: %s", r.out)
	}
	if r := d.cli("events", "packages", "bash", "-o", "json"); r.code != 0 {
		t.Errorf("events: %s", r.out)
	}
	d.stop()
	checkLog(t, d)
}

// The process is killed in the middle, again and again, while a client that
// does not know it goes on.
func TestReleases_KilledInTheMiddle(t *testing.T) {
	d := startDev(t, ringhold, releasesManifest)
	answer := make(chan result, 1)
	go func() { answer <- d.sendFile() }()
	for kills := 0; ; kills++ {
		select {
		case r := <-answer:
			t.Logf("killed %d times", kills)
			if kills == 0 {
				t.Error("the file was sent before the first kill")
			}
			checkTotals(t, r)
			checkTotals(t, d.sendFile())
			d.stop()
			checkLog(t, d)
			return
		case <-time.After(700 * time.Millisecond):
			if kills < 5 {
				d.kill()
				d.start()
			}
		}
	}
}
