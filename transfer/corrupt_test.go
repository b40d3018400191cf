package transfer

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// sample is a store with something of everything.
func sample(t fataler) full {
	t.Helper()
	st := inMemory()
	to := member(t, st, "writer")
	claims := acquired(t, to)
	a := &store.Append{Member: to.Member, Gen: 1}
	for i := range 12 {
		name := message.Stream([]string{"accounts-a", "accounts-b", "accounts-c"}[i%3])
		slot := ring.SlotOf(name, slots)
		c := claims[slot]
		if !slices.ContainsFunc(a.Claims, func(o store.Claim) bool { return o.Slot == slot }) {
			a.Claims = append(a.Claims, c)
		}
		c.Head = store.Head{Offset: c.Head.Offset + 1, Epoch: c.Epoch}
		claims[slot] = c
		e := store.Event{Stream: name, Version: message.Version(i / 3), Slot: slot, Offset: c.Head.Offset, Epoch: c.Epoch, Type: "happened", Schema: 1,
			Data: []byte(`{"amount":100}`), Metadata: []byte(`{}`)}
		if i < 3 {
			e.MessageID, e.Command = "m-1", &store.Command{Service: "open", Request: []byte(`{"id":"x"}`), Response: []byte(`{"result":"ok"}`), Events: 1}
		}
		a.Events = append(a.Events, e)
	}
	a.Snapshots = []store.Snapshot{{Stream: "accounts-a", Version: 3, Schema: 1, Data: []byte(`{"balance":300}`)}}
	for _, name := range []message.Stream{"carts-a", "carts-b"} {
		slot := ring.SlotOf(name, slots)
		if !slices.ContainsFunc(a.Claims, func(o store.Claim) bool { return o.Slot == slot }) {
			a.Claims = append(a.Claims, claims[slot])
		}
		a.States = append(a.States, store.State{Stream: name, Slot: slot, Expected: -1, Version: 2, Schema: 1, Data: []byte(`{"items":3}`)})
		a.Alarms = append(a.Alarms, store.Alarm{ID: "wake " + string(name), Stream: name, Slot: slot, DueAt: past, Message: []byte(`{"id":"w"}`)})
	}
	if err := to.Writer.Append(t.Context(), a); err != nil {
		t.Fatalf("append: %v", err)
	}
	return st
}

// A file that was changed anywhere is refused, with the line and what is wrong.
func TestCorruptFiles(t *testing.T) {
	file, sum := exported(t, sample(t), false)
	lines := strings.SplitAfter(strings.TrimSuffix(string(file), "\n"), "\n")
	lines[len(lines)-1] += "\n"
	first := 1 // of the events
	rows := first + int(sum.Events)
	change := func(line int, old, now string) string {
		c := slices.Clone(lines)
		if !strings.Contains(c[line], old) {
			t.Fatalf("line %d has no %q: %s", line+1, old, c[line])
		}
		c[line] = strings.Replace(c[line], old, now, 1)
		return strings.Join(c, "")
	}
	swap := func(i, k int) string {
		c := slices.Clone(lines)
		c[i], c[k] = c[k], c[i]
		return strings.Join(c, "")
	}
	without := func(i int) string { return strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "") }
	for name, c := range map[string]struct{ file, want string }{
		"empty":                   {"", "empty"},
		"no header":               {strings.Join(lines[1:], ""), "line 1: it is not the header"},
		"another format":          {change(0, `"ringhold_export":1`, `"ringhold_export":2`), "line 1: ringhold_export is 2"},
		"slots that are none":     {change(0, `"slots":8`, `"slots":7`), "line 1: slots"},
		"other slots":             {change(0, `"slots":8`, `"slots":16`), "belongs to slot"},
		"a head more":             {change(0, `]]`, `],[7,3,1]]`), "lines are missing"},
		"cut off in a line":       {string(file[:len(file)/2]), "the file ends in the middle of it"},
		"cut off at a line":       {strings.Join(lines[:5], ""), `ends behind line 5 without {"end":`},
		"cut off behind events":   {strings.Join(lines[:rows], ""), `without {"end":`},
		"changed data":            {change(first+1, `"amount":100`, `"amount":900`), "the log's hash is"},
		"changed command":         {change(first, `"id":"x"`, `"id":"y"`), "the log's hash is"},
		"changed snapshot":        {change(rows, `300`, `301`), "the hash of header, snapshots, states and alarms"},
		"changed count":           {change(len(lines)-1, `"states":2`, `"states":3`), "lines are missing or were added"},
		"changed hash":            {change(len(lines)-1, `"log":"`, `"log":"0`), "the log's hash is"},
		"swapped events":          {swap(first, first+1), "line 2: "},
		"swapped rows":            {swap(rows+1, rows+2), "stands behind"},
		"an event behind rows":    {swap(rows-1, rows), "lines are missing"},
		"an event is missing":     {without(first + 3), "line "},
		"the last is missing":     {without(rows - 1), "lines are missing"},
		"a row is missing":        {without(rows + 1), "the hash of header, snapshots, states and alarms"},
		"an event twice":          {strings.Join(slices.Insert(slices.Clone(lines), first+1, lines[first]), ""), "line 3: "},
		"something behind it":     {string(file) + lines[first], "stands behind the end"},
		"something behind a line": {change(first, "}\n", "} {}\n"), "line 2: something stands behind"},
		"NUL bytes":               {change(first+2, `"happened"`, "\"hap\x00ened\""), "line 4: it is not the JSON"},
		"not UTF-8":               {change(first+2, `"happened"`, "\"hap\xffened\""), "line 4: it is not UTF-8"},
		"an unknown field":        {change(first+2, `"type"`, `"typo"`), `unknown field "typo"`},
		"a wrong kind of value":   {change(first+2, `"offset":`, `"offset":"x`+`","epoch":1,"x":`), "line 4: offset is a string"},
		"a missing field":         {change(first+2, `"type":"happened",`, ``), "line 4: the event has no type"},
		"a wrong time":            {change(first+2, `"recorded_at":"`, `"recorded_at":"x`), "line 4: recorded_at"},
		"an id without a command": {change(first, `"message_id":"m-1",`, ``), "command stands without message_id"},
		"another version":         {change(first+2, `"version":`, `"version":1`), "line "},
		"a higher epoch":          {change(first, `"epoch":1`, `"epoch":2`), "epoch falls"},
		"a later time":            {change(first, `"recorded_at":"20`, `"recorded_at":"21`), "recorded_at falls"},
		"both forms of data":      {change(first, `"data":`, `"data_bytes":"AA==","data":`), "data and data_bytes exclude each other"},
		"no kind of line":         {change(rows, `"snapshot"`, `"snapshoot"`), "unknown field"},
		"two kinds at once":       {change(rows, `{"snapshot"`, `{"end":{},"snapshot"`), "none of event, snapshot"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Check(strings.NewReader(c.file), Expect{}, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
		})
	}
	if _, err := Check(bytes.NewReader(file), Expect{}, nil); err != nil {
		t.Errorf("the file as it is: %v", err)
	}
}

// Every single byte that is changed is found.
func TestEveryByteCounts(t *testing.T) {
	file, _ := exported(t, sample(t), false)
	for i := range file {
		for _, bit := range []byte{1, 0x20} {
			c := bytes.Clone(file)
			c[i] ^= bit
			if _, err := Check(bytes.NewReader(c), Expect{}, nil); err == nil {
				t.Fatalf("byte %d changed from %q to %q is not found: …%s…", i, file[i], c[i], c[max(0, i-40):min(len(c), i+40)])
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	file, _ := exported(fuzzSetup{f}, sample(fuzzSetup{f}), false)
	f.Add(file)
	for line := range bytes.Lines(file) {
		f.Add(line)
	}
	f.Add([]byte(`{"stream":"accounts","id":"a","type":"x","data":{},"message_id":"m","recorded_at":"2020-01-01T00:00:00Z"}`))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if sum, err := Check(bytes.NewReader(b), Expect{}, nil); err == nil && sum.Log == "" {
			t.Error("a file without a hash was found right")
		}
		_, _, _ = CheckLines(bytes.NewReader(b), 8, Expect{}, nil)
		text, _, _ := bytes.Cut(b, []byte{'\n'})
		it, err := decodeLine(text)
		if err != nil || it.event == nil {
			return
		}
		// What was read is written and read as the same.
		again, err := appendEvent(nil, it.event)
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		back, err := decodeLine(again)
		if err != nil || !sameEvent(it.event, back.event) {
			t.Fatalf("read %+v, written as %s, read as %+v, %v", it.event, again, back.event, err)
		}
	})
}

// fuzzSetup makes what a fuzz test begins with.
type fuzzSetup struct{ *testing.F }

// Errors of reading are told as they are.
func TestReadErrors(t *testing.T) {
	broken := errors.New("the disk is broken")
	file, _ := exported(t, sample(t), false)
	_, err := Check(io.MultiReader(bytes.NewReader(file[:300]), failing{broken}), Expect{}, nil)
	if !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
