package aggregatetest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/aggregate"
)

// UpdateVariable is the environment variable that, set to anything, makes
// scenarios and Samples write the samples that are missing. A test binary's
// flag -update, if it has one, does it too.
const UpdateVariable = "RINGHOLD_UPDATE"

// Samples checks that one stored sample of every event, and of every form in
// which earlier releases stored it, still loads, and that nothing in it is lost
// on the way. Samples stand in testdata/<stream>/<event>@<schema>.json (.binpb
// for protobuf) and belong into version control: they are what a store holds.
//
// With RINGHOLD_UPDATE=1 a missing sample is written from the events that are
// given here, or from those of the scenarios that run. One that exists is never
// overwritten: what is stored does not change either. When an event is renamed
// or reshaped its old sample stays, and is read through [aggregate.Was].
func Samples[S any](t testing.TB, d *aggregate.Definition[S], events ...aggregate.Emitted[S]) {
	t.Helper()
	core := d.Core()
	newHistory(t, core).with(pending(events)) // keeps samples of them
	for _, form := range core.Forms() {
		file := sampleFile(core, form.Name, form.Schema, form.Proto)
		data, err := os.ReadFile(file)
		switch {
		case os.IsNotExist(err):
			t.Errorf("there is no sample %s: %s", file, howToMake(form))
		case err != nil:
			t.Errorf("read sample: %v", err)
		default:
			checkSample(t, core, form, file, data)
		}
	}
	checkStrays(t, core)
}

func howToMake(form aggregate.Form) string {
	switch {
	case form.Former:
		return "write what the earlier release stored into it"
	case updating():
		return "give Samples such an event, or run the tests once more if a scenario has one"
	default:
		return "give Samples such an event, or have one in a scenario, and run the tests with " + UpdateVariable + "=1"
	}
}

// checkSample loads a sample and looks for what got lost.
func checkSample(t testing.TB, core *aggregate.Core, form aggregate.Form, file string, data []byte) {
	t.Helper()
	p := aggregate.Payload{Proto: form.Proto, Data: data}
	if _, err := core.ReadEvent(form.Name, form.Schema, p); err != nil {
		t.Errorf("sample %s does not load: %v", file, err)
		return
	}
	again, err := core.Rewrite(form.Name, form.Schema, p)
	if err != nil {
		t.Errorf("sample %s cannot be stored again: %v", file, err)
		return
	}
	if form.Proto {
		if !bytes.Equal(again.Data, data) {
			t.Errorf("sample %s loses something: it is %x, and %x once it was loaded", file, data, again.Data)
		}
		return
	}
	for _, lost := range missing("", content(data), content(again.Data)) {
		t.Errorf("sample %s loses something when it is loaded: %s. If the event was reshaped, give it a new schema number and read this one with Was", file, lost)
	}
}

// checkStrays finds the samples of events that nothing reads.
func checkStrays(t testing.TB, core *aggregate.Core) {
	t.Helper()
	known := map[string]bool{}
	for _, form := range core.Forms() {
		known[sampleFile(core, form.Name, form.Schema, form.Proto)] = true
	}
	files, err := filepath.Glob(filepath.Join(sampleDir(core), "*@*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name, ok := sampleName(file); ok && !known[file] && !core.IsRetired(name) {
			t.Errorf("sample %s is of an event that nothing reads: stores may hold it. Register it, read it with Was, or name it in Retired", file)
		}
	}
}

// keepSample writes a sample if they are being updated and there is none yet.
func keepSample(t testing.TB, core *aggregate.Core, e aggregate.Pending, p aggregate.Payload) {
	t.Helper()
	if !updating() {
		return
	}
	data := p.Data
	if !p.Proto {
		data = indented(data)
	}
	if err := os.MkdirAll(sampleDir(core), 0o755); err != nil {
		t.Fatalf("write sample: %v", err)
	}
	// O_EXCL: tests may run at once, and the first one is as good as another.
	f, err := os.OpenFile(sampleFile(core, e.Type(), e.Schema(), p.Proto), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if os.IsExist(err) {
		return
	}
	if err == nil {
		_, err = f.Write(data)
		if closed := f.Close(); err == nil {
			err = closed
		}
	}
	if err != nil {
		t.Fatalf("write sample: %v", err)
	}
}

func updating() bool {
	if os.Getenv(UpdateVariable) != "" {
		return true
	}
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

func sampleDir(core *aggregate.Core) string { return filepath.Join("testdata", string(core.Stream)) }

// sampleFile returns the file of a sample. Some file systems allow neither '/'
// nor ':' in a name; no event's name has a '%'.
func sampleFile(core *aggregate.Core, name string, schema int, isProto bool) string {
	extension := ".json"
	if isProto {
		extension = ".binpb"
	}
	name = strings.NewReplacer("/", "%2F", ":", "%3A").Replace(name)
	return filepath.Join(sampleDir(core), fmt.Sprintf("%s@%d%s", name, schema, extension))
}

// sampleName returns the event of a file; ok is false if it is no sample.
func sampleName(file string) (name string, ok bool) {
	base := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".json"), ".binpb")
	name, number, found := strings.Cut(base, "@")
	_, err := strconv.Atoi(number)
	return strings.NewReplacer("%2F", "/", "%3A", ":").Replace(name), found && err == nil
}
