package releases

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"

	debian "pault.ag/go/debian/version"
)

// The file's own numbers.
const (
	wantAccepted = 11_081
	wantRefused  = 391
)

// line is a command as the file has it.
type line struct {
	Service string          `json:"service"`
	ID      string          `json:"id"`
	Request json.RawMessage `json:"raw_request"`
}

// entry is a release that was taken.
type entry struct{ Package, Version string }

// file returns the commands of debian-releases.jsonl.gz in their order.
func file(t *testing.T) (all []line) {
	t.Helper()
	f, err := os.Open("debian-releases.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(unzipped)
	for scan.Scan() {
		var l line
		if err := json.Unmarshal(scan.Bytes(), &l); err != nil {
			t.Fatalf("line %d: %v", len(all)+1, err)
		}
		all = append(all, l)
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// foldWithoutRinghold is what the file comes to for somebody who never heard of
// aggregates: the releases that are taken, in order, and how many are not.
func foldWithoutRinghold(t *testing.T, lines []line) (taken []entry, refused int) {
	t.Helper()
	last := map[string]debian.Version{}
	for _, l := range lines {
		var r struct{ Package, Version string }
		if err := json.Unmarshal(l.Request, &r); err != nil {
			t.Fatal(err)
		}
		v, err := debian.Parse(r.Version)
		if err != nil {
			t.Fatalf("%s: %v", l.ID, err)
		}
		if before, known := last[r.Package]; known && debian.Compare(v, before) <= 0 {
			refused++
			continue
		}
		last[r.Package] = v
		taken = append(taken, entry{r.Package, r.Version})
	}
	return taken, refused
}

func TestTheFileFolds(t *testing.T) {
	lines := file(t)
	taken, refused := foldWithoutRinghold(t, lines)
	if len(taken) != wantAccepted || refused != wantRefused {
		t.Errorf("%d are taken and %d refused, want %d and %d", len(taken), refused, wantAccepted, wantRefused)
	}
	ids, packages := map[string]bool{}, map[string]bool{}
	for _, l := range lines {
		if l.Service != "release" || ids[l.ID] {
			t.Errorf("%s: service %q, or an id that came before", l.ID, l.Service)
		}
		ids[l.ID] = true
	}
	for _, e := range taken {
		packages[e.Package] = true
	}
	if len(packages) != 437 {
		t.Errorf("%d packages, want 437", len(packages))
	}
}
