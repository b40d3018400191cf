package releases

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"slices"
	"testing"

	debian "pault.ag/go/debian/version"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/aggregate/aggregatetest"
	"github.com/ringhold/ringhold/message"
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

// live is a package as a host has it in memory.
type live struct {
	state   any // a *Package
	version message.Version
	events  []aggregate.Emitted[Package]
}

// send decides a command of the file as a host does, once, without a store.
func (p *live) send(t *testing.T, l line, r Release) message.Response {
	t.Helper()
	core := Packages.Core()
	command := core.Command(l.Service)
	body, err := message.JSONBody(l.Request)
	if err != nil {
		t.Fatal(err)
	}
	m := message.NewWithID(message.ServiceName(l.Service), message.ID(l.ID), body)
	m.Aggregate = message.Meta{Stream: core.Stream, ID: message.AggregateID(r.Package), Version: p.version}
	if command.Read(m); m.Halted {
		return m.Response
	}
	decided := command.Decide(m, p.state)
	if m.Halted {
		return m.Response
	}
	for _, e := range decided.Events {
		core.Apply(p.state, e)
		p.version++
		p.events = append(p.events, released(e.Value().(Released)))
	}
	return decided.Response
}

// The same file through the aggregate has to come to the same, release by
// release.
func TestTheAggregateDecidesAsTheFold(t *testing.T) {
	lines := file(t)
	packages := map[string]*live{}
	var taken []entry
	var refused int
	for _, l := range lines {
		var r Release
		if err := json.Unmarshal(l.Request, &r); err != nil {
			t.Fatal(err)
		}
		p := packages[r.Package]
		if p == nil {
			p = &live{state: Packages.Core().NewState(), version: message.NoVersion}
			packages[r.Package] = p
		}
		switch answer := p.send(t, l, r).(type) {
		case message.OK, message.Created:
			taken = append(taken, entry{r.Package, string(r.Version)})
		case message.DomainError:
			if answer.Code != NotNewer {
				t.Errorf("%s is refused with %s", l.ID, answer.Code)
			}
			refused++
		default:
			t.Errorf("%s is answered with %+v", l.ID, answer)
		}
	}
	want, wantRefused := foldWithoutRinghold(t, lines)
	if !slices.Equal(taken, want) || refused != wantRefused {
		t.Errorf("the aggregate takes %d releases and refuses %d, the fold %d and %d, or others", len(taken), refused, len(want), wantRefused)
	}
	// Of one real history, with all checks: replays agree, and all survives its codec.
	bash := packages["bash"]
	state, version := aggregatetest.State(t, Packages, bash.events...)
	if state != *bash.state.(*Package) || version != bash.version {
		t.Errorf("bash is loaded as %+v at %d, it was %+v at %d", state, version, bash.state, bash.version)
	}
}
