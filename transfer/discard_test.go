package transfer

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// An import that was not finished is removed, in steps, and another file can be
// imported in its place. What was imported whole, or served, is not removed.
func TestDiscard(t *testing.T) {
	defer func(n, m int) { batchEvents, discardEvents = n, m }(batchEvents, discardEvents)
	batchEvents, discardEvents = 1, 2
	cfg := ImportConfig{Group: group, Slots: slots}
	other := strings.ReplaceAll(foreign, "Ada", "Eve")
	for name, open := range map[string]func() full{
		"memory":   func() full { return inMemory() },
		"sqlite":   func() full { return inFile(t, filepath.Join(t.TempDir(), "a.db")) },
		"postgres": func() full { return inDatabase(t, pgtest.URL(t), group) },
	} {
		t.Run(name, func(t *testing.T) {
			st := open()
			to := member(t, st, "first")
			if _, err := Discard(t.Context(), to, nil); !errors.Is(err, ErrNotImporting) {
				t.Errorf("of an empty group: %v", err)
			}
			whole := to.Writer
			to.Writer = &limited{to.Writer, 3, false}
			if _, err := ImportLines(t.Context(), to, strings.NewReader(foreign), cfg); !errors.Is(err, errCut) {
				t.Fatal(err)
			}
			to.Writer = whole
			if _, err := ImportLines(t.Context(), to, strings.NewReader(other), cfg); err == nil {
				t.Error("another file goes on with the import")
			}
			fenced := to
			fenced.Gen = 0
			if _, err := Discard(t.Context(), fenced, nil); err == nil {
				t.Error("a generation that is over removes a group")
			}
			if n, err := Discard(t.Context(), to, nil); err != nil || n != 3 {
				t.Fatalf("removed %d, %v", n, err)
			}
			if ring := must(st.LoadRing(t.Context())); ring.Version != 0 || len(must(st.Heads(t.Context()))) != 0 {
				t.Errorf("left are ring %d and events", ring.Version)
			}
			done, err := ImportLines(t.Context(), to, strings.NewReader(other), cfg)
			if err != nil || done.Stored != 4 {
				t.Fatalf("another file after it: %+v, %v", done, err)
			}
			if _, err := Discard(t.Context(), to, nil); !errors.Is(err, ErrNotImporting) {
				t.Errorf("of what was imported whole: %v", err)
			}
			stored := must(st.LoadRing(t.Context()))
			if done, err := to.Writer.(store.Discarder).Discard(t.Context(), store.Discard{Member: to.Member, Gen: 1, Ring: stored.Version + 1, Limit: 1}); done || !errors.Is(err, store.ErrOtherRing) {
				t.Errorf("with another ring: %v, %v", done, err)
			}
			if h := must(HashStore(t.Context(), st, nil)); h.Events() != 4 {
				t.Errorf("%d events are left", h.Events())
			}
		})
	}
}

// mixed has lines with a time behind such without one, in one slot.
const mixed = `{"stream":"accounts-a","type":"opened","data":1}
{"stream":"accounts-a","type":"x","data":2,"recorded_at":"2020-01-01T00:00:00Z"}
{"stream":"accounts-a","type":"x","data":3}
{"stream":"accounts-a","type":"x","data":4,"recorded_at":"2020-01-03T00:00:00Z"}
`

// An import goes on at another time than the one at which it began, also where
// that time was given to lines that have an earlier one; a whole one is compared.
func TestImportLinesGoesOn_AtAnotherTime(t *testing.T) {
	defer func(n int) { batchEvents = n }(batchEvents)
	batchEvents = 1
	cfg := ImportConfig{Group: group, Slots: slots}
	for after := range 4 {
		st := inMemory()
		to := member(t, st, "first")
		to.Now = to.Now.Add(-time.Hour)
		to.Writer = &limited{to.Writer, after, after%2 == 0}
		if _, err := ImportLines(t.Context(), to, strings.NewReader(mixed), cfg); !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		for _, id := range []store.MemberID{"second", "third"} {
			done, err := ImportLines(t.Context(), member(t, deposed(t, st), id), strings.NewReader(mixed), cfg)
			if err != nil || done.Stored+done.Present != 4 || done.Present < int64(after) || id == "third" && done.Present != 4 {
				t.Errorf("after %d, %s: %+v, %v", after, id, done, err)
			}
		}
		_, err := ImportLines(t.Context(), member(t, deposed(t, st), "fourth"), strings.NewReader(strings.ReplaceAll(mixed, "2020", "2021")), cfg)
		if err != nil {
			t.Errorf("lifted times need not be the same: %v", err)
		}
	}
}

// What would end an import in its middle is found when the file is looked at.
func TestExpect(t *testing.T) {
	no := errors.New("nobody knows it")
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	e := Expect{Now: now}
	line := `{"stream":"accounts-a","type":"x","data":1}` + "\n"
	late := `{"stream":"accounts-a","type":"x","data":1,"recorded_at":"2026-01-01T00:00:00.000001Z"}` + "\n"
	twice := `{"stream":"accounts-a","type":"x","data":1,"message_id":"m"}` + "\n"
	elsewhere := strings.ReplaceAll(twice, "accounts-a", "accounts-b")
	known := Expect{Event: func(_ message.StreamName, eventType string, _ int) error {
		if eventType == "x" {
			return nil
		}
		return no
	}, Stream: func(name message.StreamName) error {
		if name == "accounts" {
			return nil
		}
		return no
	}}
	for name, c := range map[string]struct {
		text string
		e    Expect
		want string
	}{
		"right":           {line + twice + elsewhere + strings.Replace(late, "1Z", "0Z", 1), e, ""},
		"late":            {line + late, e, "line 2: recorded_at is"},
		"twice":           {twice + line + elsewhere + twice, e, `line 4: message_id "m" stands in stream "accounts-a" twice`},
		"empty":           {"", e, "it is empty"},
		"blank":           {"\n\n", e, "it is empty"},
		"cut off":         {line + line[:20], e, "write the rest of it"},
		"known":           {line + `{"stream":"accounts-a","type":"$deleted"}` + "\n", known, ""},
		"unknown stream":  {line + strings.ReplaceAll(line, "accounts", "orders"), known, "line 2: nobody knows it"},
		"unknown event":   {line + strings.ReplaceAll(line, `"x"`, `"y"`), known, "line 2: nobody knows it"},
		"nothing to know": {strings.ReplaceAll(line, "accounts", "orders"), e, ""},
	} {
		_, _, err := CheckLines(strings.NewReader(c.text), slots, c.e, nil)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "export")) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if name == "right" || name == "known" || name == "nothing to know" {
			continue
		}
		st := inMemory()
		if _, err := ImportLines(t.Context(), member(t, st, "a"), strings.NewReader(c.text), ImportConfig{Group: group, Slots: slots, Expect: c.e}); err == nil {
			t.Errorf("%s: it is imported", name)
		}
		if must(st.LoadRing(t.Context())).Version != 0 {
			t.Errorf("%s: the group is wedged", name)
		}
	}
	file, _ := exported(t, sample(t), false)
	for name, e := range map[string]Expect{"late": {Now: now.AddDate(-50, 0, 0)}, "unknown": {Stream: func(message.StreamName) error { return no }}} {
		var at *LineError
		if _, err := Check(strings.NewReader(string(file)), e, nil); !errors.As(err, &at) {
			t.Errorf("an export, %s: %v", name, err)
		}
	}
	if _, err := Check(strings.NewReader(string(file)), Expect{Now: time.Now()}, nil); err != nil {
		t.Error(err)
	}
}
