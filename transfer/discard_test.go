package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// stores opens an empty one of each kind.
var stores = map[string]func(t *testing.T) full{
	"memory":   func(*testing.T) full { return inMemory() },
	"sqlite":   func(t *testing.T) full { return inFile(t, filepath.Join(t.TempDir(), "a.db")) },
	"postgres": func(t *testing.T) full { return inDatabase(t, pgtest.URL(t), group) },
}

// An import that was not finished is removed, in steps, and another file can be
// imported in its place. What was imported whole, or served, is not removed.
func TestDiscard(t *testing.T) {
	defer func(n, m int) { batchEvents, discardEvents = n, m }(batchEvents, discardEvents)
	batchEvents, discardEvents = 1, 2
	cfg := ImportConfig{Group: group, Slots: slots}
	other := strings.ReplaceAll(foreign, "Ada", "Eve")
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			st := open(t)
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
			if ring := must(st.LoadRing(t.Context())); !ring.Empty() || len(must(st.Heads(t.Context()))) != 0 {
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

// interrupted is a writer whose discarding fails after some steps.
type interrupted struct {
	store.Writer
	left int
}

func (w *interrupted) Discard(ctx context.Context, d store.Discard) (bool, error) {
	if w.left--; w.left < 0 {
		return false, errCut
	}
	return w.Writer.(store.Discarder).Discard(ctx, d)
}

// ended deposes a member as it does itself when it stops.
func ended(t *testing.T, st full, id store.MemberID) {
	t.Helper()
	for range 1000 { // until a lease that ends now is over
		r := must(st.Renew(t.Context(), id, 0, true))
		if must(st.Depose(t.Context(), store.Depose{Member: id, Estimate: r.Now.Add(time.Second), Incarnation: r.Incarnation})) {
			return
		}
	}
	t.Fatalf("%s is not deposed", id)
}

// A group that was discarded is new to who comes next, with any number of slots,
// and nothing of before comes back: no member, no epoch, no ring of a process that
// was stopped in the middle. That holds from the first step on.
func TestDiscard_NothingComesBack(t *testing.T) {
	defer func(n, m int) { batchEvents, discardEvents = n, m }(batchEvents, discardEvents)
	batchEvents, discardEvents = 1, 2
	content, sum := exported(t, sample(t), false)
	cfg := ImportConfig{Group: group, Slots: slots}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			st := open(t)
			first := member(t, st, "first")
			late := first
			late.Writer = &limited{first.Writer, int(sum.Events + sum.Snapshots + sum.States + 1), false}
			if _, err := Import(t.Context(), late, bytes.NewReader(content), cfg); !errors.Is(err, errCut) {
				t.Fatal(err)
			}
			old := must(st.LoadRing(t.Context()))
			epochs := map[ring.Slot]store.Epoch{}
			for _, s := range must(st.Slots(t.Context())) {
				epochs[s.Slot] = s.Epoch
			}
			ended(t, st, "first")

			// What the first would store as its last step, and what it would begin with.
			comesBack := func(when string) {
				t.Helper()
				for _, v := range []ring.Number{1, old.Version + 1} {
					if must(st.SaveRing(t.Context(), store.Ring{Version: v, Body: old.Body}, v-1)) {
						t.Errorf("%s: ring %d of the first is stored", when, v)
					}
				}
				var fenced *store.FencedError
				late.Writer = first.Writer
				if _, err := Import(t.Context(), late, bytes.NewReader(content), cfg); !errors.As(err, &fenced) {
					t.Errorf("%s: the first goes on with %v", when, err)
				}
				if _, err := st.Join(t.Context(), store.Member{ID: "first", Address: "test", Writers: 1}, time.Hour); !errors.Is(err, store.ErrMemberExists) {
					t.Errorf("%s: the first joins again: %v", when, err)
				}
			}
			second := member(t, st, "second")
			whole := second.Writer
			var unfinished error = errCut
			for steps := 0; unfinished != nil; steps = 1 {
				second.Writer = &interrupted{whole, steps}
				if _, unfinished = Discard(t.Context(), second, nil); unfinished != nil && !errors.Is(unfinished, errCut) {
					t.Fatal(unfinished)
				}
				comesBack(fmt.Sprintf("after %d more steps, %v", steps, unfinished))
				for _, h := range must(st.Heads(t.Context())) {
					if log := must(st.ReadSlot(t.Context(), h.Slot, 0, 100)); len(log) != int(h.Head.Offset)+1 || log[0].Offset != 0 {
						t.Errorf("slot %d ends at offset %d and has %d events: it is no beginning of a log", h.Slot, h.Head.Offset, len(log))
					}
				}
				old = must(st.LoadRing(t.Context()))
			}
			second.Writer = whole
			if rest := must(st.ReadStates(t.Context(), "", 9)); len(rest) > 0 || len(must(st.ReadSnapshots(t.Context(), "", 9))) > 0 || len(must(st.ReadAlarms(t.Context(), "", 9))) > 0 {
				t.Errorf("states, snapshots or alarms are left, such as %+v", rest)
			}

			if left := must(st.Slots(t.Context())); len(left) != len(epochs) || slices.ContainsFunc(left, func(s store.SlotRow) bool { return s.Epoch < epochs[s.Slot] }) {
				t.Errorf("the slots are %v, their epochs were %v", left, epochs)
			}

			// Next comes an import with other slots, then one who serves.
			wide := ImportConfig{Group: group, Slots: 2 * slots}
			if done, err := ImportLines(t.Context(), second, strings.NewReader(foreign), wide); err != nil || done.Stored != 4 {
				t.Fatalf("with other slots: %+v, %v", done, err)
			}
			ended(t, st, "second")
			for slot, c := range acquired(t, member(t, st, "third")) {
				if c.Epoch <= epochs[slot] {
					t.Errorf("slot %d is acquired at epoch %d, it had %d before the group was discarded", slot, c.Epoch, epochs[slot])
				}
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
