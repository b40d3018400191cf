package aggregatetest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/typepb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/aggregate/aggregatetest"
)

// elsewhere makes the test's testdata one of its own, with some samples.
func elsewhere(t *testing.T, samples map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, data := range samples {
		file := filepath.Join("testdata", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type noted struct {
	Text string   `json:"text"`
	Tags []string `json:"tags,omitempty"`
	By   struct {
		Name string `json:"name"`
		Age  int    `json:"age,omitempty"`
	} `json:"by"`
}

func notes(options ...aggregate.EventOption[noted]) (*aggregate.Definition[box], func(noted) aggregate.Emitted[box]) {
	d := aggregate.New[box]("notes")
	event := aggregate.Event(d, "a/noted:x", func(b *box, _ noted) { b.N++ }, options...)
	aggregate.Command(d, "note", nil, func(m *boxMsg, _ box, _ Close) boxDecision { return m.Emit(event(noted{Text: "decided"})).OK() })
	return d, event
}

const sample = "notes/a%2Fnoted%3Ax@1.json"

func TestSamplesAreWrittenOnce(t *testing.T) {
	elsewhere(t, nil)
	d, event := notes()
	missing := "there is no sample " + filepath.Join("testdata", filepath.FromSlash(sample))
	complains(t, func(t *fake) { aggregatetest.Samples(t, d, event(noted{Text: "given"})) }, missing, "RINGHOLD_UPDATE=1")
	t.Setenv(aggregatetest.UpdateVariable, "1")
	complains(t, func(t *fake) { aggregatetest.Samples(t, d) }, missing, "run the tests once more")
	aggregatetest.Samples(t, d, event(noted{Text: "given"}))
	aggregatetest.Samples(t, d, event(noted{Text: "another"}))
	t.Setenv(aggregatetest.UpdateVariable, "")
	aggregatetest.Samples(t, d)
	const want = "{\n  \"text\": \"given\",\n  \"by\": {\n    \"name\": \"\"\n  }\n}\n"
	if got := read(t, filepath.Join("testdata", filepath.FromSlash(sample))); got != want {
		t.Errorf("the sample is %s", got)
	}
}

func TestScenariosMakeSamples(t *testing.T) {
	d, event := notes()
	for _, given := range []bool{true, false} {
		t.Run(fmt.Sprintf("given=%t", given), func(t *testing.T) {
			elsewhere(t, nil)
			run := func() {
				if given {
					aggregatetest.State(t, d, event(noted{Text: "a"}))
				} else {
					aggregatetest.Given(t, d).When("note", nil).OK()
				}
			}
			run()
			if _, err := os.Stat("testdata"); err == nil {
				t.Error("a sample is written without being asked for")
			}
			t.Setenv(aggregatetest.UpdateVariable, "1")
			run()
			t.Setenv(aggregatetest.UpdateVariable, "")
			aggregatetest.Samples(t, d)
		})
	}
}

// What an event's type no longer reads is found, since stores hold it.
func TestSamplesThatLoseSomething(t *testing.T) {
	d, _ := notes()
	for data, text := range map[string]string{
		`{"text":"a","gone":"b","by":{"name":"c"}}`:       `gone is "b" and becomes absent`,
		`{"text":"a","by":{"name":"c","place":{"at":1}}}`: `by.place.at is 1 and becomes absent`,
		`{"text":"a","tags":["x"],"by":{"name":"c"}}x`:    "does not load",
		`{"text":1}`:              "does not load",
		`{"text":"a","tags":"x"}`: "does not load",
		`[]`:                      "does not load",
	} {
		t.Run(data, func(t *testing.T) {
			elsewhere(t, map[string]string{sample: data})
			complains(t, func(t *fake) { aggregatetest.Samples(t, d) }, text)
		})
	}
	for _, data := range []string{
		`{}`, `{"text":"a","tags":null,"by":{"name":"c","age":0}}`, `{"text":"a","tags":["x","y"],"gone":null}`, `{"Text":"a"}`,
	} {
		t.Run(data, func(t *testing.T) {
			elsewhere(t, map[string]string{sample: data})
			if strings.Contains(data, "Text") { // read, but no longer written so
				complains(t, func(t *fake) { aggregatetest.Samples(t, d) }, "Text is")
				return
			}
			aggregatetest.Samples(t, d)
		})
	}
}

func TestFormerSamples(t *testing.T) {
	type wasNoted struct{ Body string }
	d, _ := notes(aggregate.Was("written", 3, func(o wasNoted) noted { return noted{Text: o.Body} }))
	const now, former = `{"text":"a","by":{"name":"c"}}`, "notes/written@3.json"
	elsewhere(t, map[string]string{sample: now})
	complains(t, func(t *fake) { aggregatetest.Samples(t, d) }, "written@3.json", "write what the earlier release stored")
	elsewhere(t, map[string]string{sample: now, former: `{"Body":"x","Lost":1}`})
	complains(t, func(t *fake) { aggregatetest.Samples(t, d) }, "Lost is 1 and becomes absent")
	elsewhere(t, map[string]string{sample: now, former: `{"Body":"x"}`})
	aggregatetest.Samples(t, d)
}

// An event that was removed or renamed in the code is still in stores.
func TestSamplesOfNothing(t *testing.T) {
	samples := map[string]string{sample: `{"text":"a"}`, "notes/forgotten@1.json": `{}`, "notes/README@home.md": "no sample", "others/x@1.json": `{}`}
	d, _ := notes()
	elsewhere(t, samples)
	complains(t, func(t *fake) { aggregatetest.Samples(t, d) }, "forgotten@1.json is of an event that nothing reads")
	d.Retired("forgotten")
	aggregatetest.Samples(t, d)
	samples["notes/a%2Fnoted%3Ax@2.json"] = `{}` // of a newer release
	elsewhere(t, samples)
	complains(t, func(t *fake) { aggregatetest.Samples(t, d) }, "@2.json is of an event that nothing reads")
}

func TestProtoSamples(t *testing.T) {
	elsewhere(t, nil)
	d := aggregate.New[box]("protos")
	named := aggregate.Event(d, "named", func(*box, *wrapperspb.StringValue) {},
		aggregate.Was("called", 1, func(f *typepb.Field) *wrapperspb.StringValue { return wrapperspb.String(f.Name) }))
	t.Setenv(aggregatetest.UpdateVariable, "1")
	complains(t, func(t *fake) { aggregatetest.Samples(t, d, named(wrapperspb.String("a"))) }, "called@1.binpb")
	const file = "testdata/protos/named@1.binpb"
	if got := read(t, file); got != "\x0a\x01a" {
		t.Errorf("the sample is %x", got)
	}
	elsewhere(t, map[string]string{"protos/named@1.binpb": "\x0a\x01a", "protos/called@1.binpb": "\x22\x01b"})
	aggregatetest.Samples(t, d)
	for data, text := range map[string]string{"\x0a\x01a\x12\x01b": "loses something", "\x0a\x05a": "does not load"} {
		elsewhere(t, map[string]string{"protos/named@1.binpb": data, "protos/called@1.binpb": "\x22\x01b"})
		complains(t, func(t *fake) { aggregatetest.Samples(t, d) }, text)
	}
}
