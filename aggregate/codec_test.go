package aggregate_test

import (
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

type noted struct {
	N    int      `json:"n,omitempty"`
	Text string   `json:"text,omitempty"`
	List []string `json:"list,omitempty"`
	Of   *noting  `json:"of,omitempty"`
}

type noting struct {
	A string `json:"a"`
}

func notes() (*aggregate.Core, func(noted) aggregate.Emitted[noted]) {
	d := aggregate.New[noted]("notes")
	emit := aggregate.Event(d, "noted", func(s *noted, e noted) { *s = e })
	aggregate.Command(d, "note", nil, func(m *aggregate.Message[noted], _ noted, c noted) aggregate.Decision[noted] {
		return m.Emit(emit(c)).OK()
	})
	return d.Core(), emit
}

// Values are decoded into places that are used again: nothing of one is found
// in the next, whether it could be read or not.
func TestDecodedValuesAreApart(t *testing.T) {
	core, _ := notes()
	full := noted{N: 1, Text: "x", List: []string{"a", "b"}, Of: &noting{"c"}}
	const fullText = `{"n":1,"text":"x","list":["a","b"],"of":{"a":"c"}}`
	read := func(text string, want noted) noted {
		t.Helper()
		p, err := core.ReadEvent("noted", 1, aggregate.Payload{Data: []byte(text)})
		if got, ok := p.Value().(noted); err != nil || !ok || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s is read as %+v, %v", text, p.Value(), err)
		}
		return p.Value().(noted)
	}
	for range 20 { // the pool may forget some
		first := read(fullText, full)
		read(`{}`, noted{})
		read(`{"list":["z"],"of":{"a":"y"}}`, noted{List: []string{"z"}, Of: &noting{"y"}})
		if !reflect.DeepEqual(first, full) {
			t.Fatalf("the first one became %+v", first)
		}
		read(`{"n":2,"text":"y","list":["c"],"unknown":1}`, noted{N: 2, Text: "y", List: []string{"c"}}) // encoding/json does it
		read(`{"of":{"a":""}}`, noted{Of: &noting{}})
		if _, err := core.ReadEvent("noted", 1, aggregate.Payload{Data: []byte(`{"n":3,"text":"z","list":"no"}`)}); err == nil {
			t.Fatal("a list was read from a string")
		}
		read(`{}`, noted{})
	}
}

// Encoded values are their own, and any number of goroutines make them.
func TestEncodedValuesAreApart(t *testing.T) {
	core, emit := notes()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			kept := map[int]aggregate.Payload{}
			for n := range 100 {
				e, _ := emit(noted{N: 1000*i + n, Text: fmt.Sprint(n)}).Pending()
				p, err := e.Encode()
				if err != nil {
					t.Error(err)
				}
				kept[n] = p
			}
			for n, p := range kept {
				if want := fmt.Sprintf(`{"n":%d,"text":"%d"}`, 1000*i+n, n); 1000*i+n > 0 && string(p.Data) != want {
					t.Errorf("%s, want %s", p.Data, want)
				}
				state := core.NewState()
				if err := core.Replay(state, "noted", 1, p); err != nil || state.(*noted).N != 1000*i+n {
					t.Errorf("%+v, %v", state, err)
				}
			}
		})
	}
	all.Wait()
}

// A request is read as encoding/json reads it, also where its keys are in
// another case than the fields: these are faults, and stay so.
func TestRequestsAreReadTheSameWay(t *testing.T) {
	core, _ := notes()
	for text, faults := range map[string]string{
		`{"n":1,"text":"x"}`:   "",
		`{"text":"<é\u0041>"}`: "",
		`{"n":1,"unknown":2}`:  "",
		`{"N":1}`:              `N: differs from "n" only in case`,
		`{"n":"1"}`:            "n: has to be an integer of 64 bits, not a JSON string",
		`{"n":1.5}`:            "n: has to be an integer of 64 bits, not a JSON number 1.5",
		`{"list":[1]}`:         "list: has to be a string, not a JSON number",
	} {
		raw, err := message.JSONBody([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		m := message.New("note", raw)
		core.Command("note").Read(m)
		got := ""
		if refused, is := m.Response.(message.ValidationError); is {
			got = refused.Violations.String()
		}
		if got != faults || m.Halted != (faults != "") {
			t.Errorf("%s: %q, want %q", text, got, faults)
		}
	}
}
