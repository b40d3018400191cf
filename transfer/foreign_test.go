package transfer

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

const foreign = `{"stream":"accounts-acc-1","type":"opened","data":{"owner":"Ada"},"message_id":"m-1","recorded_at":"2020-01-02T03:04:05.123456789+01:00","metadata":{"by":"x"}}
{"stream":"accounts","id":"acc-2","type":"opened","data":{"owner": "Bo"},"recorded_at":"2020-01-01T00:00:00Z","schema_version":2}

{"stream":"accounts","id":"acc-1","type":"deposited","data_bytes":"AAE=","encoding":1}
{"stream":"accounts-acc-2","type":"$deleted"}
`

// Lines of another store get versions, places and times, the same ones each time.
func TestImportLines(t *testing.T) {
	st := inMemory()
	cfg := ImportConfig{Group: group, Slots: slots}
	to := member(t, st, "first")
	done, err := ImportLines(t.Context(), to, strings.NewReader(foreign), cfg)
	if err != nil || done.Stored != 4 || done.Events != 4 || done.Log == "" {
		t.Fatalf("%+v, %v", done, err)
	}
	one := must(st.ReadStream(t.Context(), "accounts-acc-1", 0, 10))
	if len(one) != 2 || one[0].Version != 0 || one[1].Version != 1 || one[0].Type != "opened" || string(one[0].Data) != `{"owner":"Ada"}` ||
		string(one[0].Metadata) != `{"by":"x"}` || !bytes.Equal(one[1].Data, []byte{0, 1}) || one[1].Encoding != store.Proto || string(one[1].Metadata) != "{}" ||
		one[0].Schema != 1 || one[0].Epoch != 1 || one[0].Slot != ring.SlotOf("accounts-acc-1", slots) {
		t.Errorf("the stream is %+v", one)
	}
	if want := time.Date(2020, 1, 2, 2, 4, 5, 123456000, time.UTC); !one[0].RecordedAt.Equal(want) || !one[1].RecordedAt.Equal(to.Now) {
		t.Errorf("recorded at %s and %s, want %s and %s", one[0].RecordedAt, one[1].RecordedAt, want, to.Now)
	}
	l := must(st.Load(t.Context(), []store.LoadRequest{{Stream: "accounts-acc-1", Messages: []message.ID{"m-1"}}, {Stream: "accounts-acc-2", Hydrate: true, Events: 5}}))
	if c := l[0].Commands[0]; c == nil || c.Service != foreignService || string(c.Response) != `{"result":"ok","version":0}` {
		t.Errorf("the message id is found as %+v", c)
	}
	if l[1].Deleted != 1 {
		t.Errorf("a deleted stream: %+v", l[1])
	}
	if err := Unfinished(storedRing(t, st)); err != nil || storedRing(t, st).Slots != slots {
		t.Errorf("the ring says %v", err)
	}
	again, err := ImportLines(t.Context(), member(t, deposed(t, st), "second"), strings.NewReader(foreign), cfg)
	if err != nil || again.Present != 4 || again.Stored != 0 || again.Log != done.Log {
		t.Errorf("once more: %+v, %v", again, err)
	}
	_, err = ImportLines(t.Context(), member(t, deposed(t, st), "third"), strings.NewReader(strings.Replace(foreign, "Ada", "Eve", 1)), cfg)
	var different *DifferentError
	if !errors.As(err, &different) {
		t.Errorf("other lines: %v", err)
	}
	_, err = ImportLines(t.Context(), member(t, deposed(t, st), "fourth"), strings.NewReader(foreign[:strings.Index(foreign, "\n")+1]), cfg)
	if !errors.As(err, &different) {
		t.Errorf("fewer lines: %v", err)
	}
}

// An import of lines that was broken off goes on, with times that it made up.
func TestImportLinesGoesOn(t *testing.T) {
	defer func(n int) { batchEvents = n }(batchEvents)
	batchEvents = 1
	cfg := ImportConfig{Group: group, Slots: slots}
	for after := range 4 {
		st := inMemory()
		to := member(t, st, "first")
		to.Writer = &limited{to.Writer, after, after%2 == 0}
		if _, err := ImportLines(t.Context(), to, strings.NewReader(foreign), cfg); !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		done, err := ImportLines(t.Context(), member(t, deposed(t, st), "second"), strings.NewReader(foreign), cfg)
		if err != nil || done.Stored+done.Present != 4 || done.Present < int64(after) {
			t.Errorf("after %d: %+v, %v", after, done, err)
		}
	}
}

// Within a slot times never fall: an earlier one is lifted, and counted.
func TestLifted(t *testing.T) {
	text := `{"stream":"accounts-a","type":"x","data":1,"recorded_at":"2020-01-02T00:00:00Z"}
{"stream":"accounts-a","type":"x","data":1,"recorded_at":"2020-01-01T00:00:00Z"}
`
	st := inMemory()
	done, err := ImportLines(t.Context(), member(t, st, "a"), strings.NewReader(text), ImportConfig{Group: group, Slots: slots})
	if err != nil || done.Lifted != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	events := must(st.ReadStream(t.Context(), "accounts-a", 0, 10))
	if !events[0].RecordedAt.Equal(events[1].RecordedAt) {
		t.Errorf("recorded at %s and %s", events[0].RecordedAt, events[1].RecordedAt)
	}
}

// Each fault names its line, the field and what to write.
func TestForeignFaults(t *testing.T) {
	for line, want := range map[string]string{
		`{"stream":"accounts","type":"x","data":1}`:                             `stream is "accounts": write NAME-ID`,
		`{"stream":"Accounts-a","type":"x","data":1}`:                           "stream: stream name",
		`{"stream":"accounts-","type":"x","data":1}`:                            `stream is "accounts-"`,
		`{"stream":"accounts-a","data":1}`:                                      "type is missing",
		`{"stream":"accounts-a","type":"$erased","data":1}`:                     "Ringhold's own",
		`{"stream":"accounts-a","type":"x"}`:                                    "data is missing",
		`{"stream":"accounts-a","type":"x","data":1,"data_bytes":"AA=="}`:       "exclude each other",
		`{"stream":"accounts-a","type":"x","data":1,"metadata":[]}`:             "metadata has to be a JSON object",
		`{"stream":"accounts-a","type":"x","data":1,"schema_version":0}`:        "schema_version is 0",
		`{"stream":"accounts-a","type":"x","data":1,"encoding":7}`:              "encoding is 7",
		`{"stream":"accounts-a","type":"x","data":1,"recorded_at":"yesterday"}`: "recorded_at is \"yesterday\"",
		`{"stream":"accounts-a","type":"x","data":1,"version":3}`:               `unknown field "version"`,
		`{"stream":"accounts-a","type":"x","data":1,"message_id":"a\u0000b"}`:   "message_id: ",
		`{"stream":"accounts-a","type":"x","data":1`:                            "has no end",
		`{"stream":7,"type":"x","data":1}`:                                      "stream is a number",
	} {
		_, _, err := CheckLines(strings.NewReader(foreign+line+"\n"), slots, Expect{}, nil)
		var at *LineError
		if !errors.As(err, &at) || at.Line != 6 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want line 6 and %q", line, err, want)
		}
	}
	twice := `{"stream":"accounts-a","type":"x","data":1,"message_id":"m"}` + "\n"
	_, err := ImportLines(t.Context(), member(t, inMemory(), "a"), strings.NewReader(twice+twice), ImportConfig{Group: group, Slots: slots})
	if err == nil || !strings.Contains(err.Error(), "stands in a stream once") || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a message id twice: %v", err)
	}
}
