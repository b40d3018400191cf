package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// past is when the first imported event was recorded.
var past = time.Date(2019, 3, 4, 5, 6, 7, 891_234_000, time.UTC)

// imported is an import in the making: of events that have places of their own.
type imported struct {
	*batch
	epoch store.Epoch
	at    time.Time
}

func (m *member) imports(epoch store.Epoch, at time.Time) *imported {
	return &imported{batch: m.batch(), epoch: epoch, at: at}
}

func (i *imported) event(stream message.Stream, v message.Version, change ...func(*store.Event)) *imported {
	i.add(stream, v, append([]func(*store.Event){func(e *store.Event) {
		e.Epoch, e.RecordedAt = i.epoch, i.at
	}}, change...)...)
	i.at = i.at.Add(time.Microsecond)
	return i
}

// try sends the import; the member's claims move on once it is stored.
func (i *imported) try(ctx context.Context) error {
	w, ok := i.m.w.(store.Importer)
	if !ok {
		i.m.t.Fatalf("a writer of type %T takes no import", i.m.w)
	}
	err := w.Import(ctx, &i.a)
	if err == nil {
		for _, c := range i.a.ImportedClaims() {
			i.m.claims[c.Slot] = c
		}
	}
	return err
}

func (i *imported) send() {
	i.m.t.Helper()
	if err := i.try(i.m.t.Context()); err != nil {
		i.m.t.Fatalf("import of %s: %v", i.m.id, err)
	}
}

func (i *imported) refused() error {
	i.m.t.Helper()
	err := i.try(i.m.t.Context())
	if err == nil {
		i.m.t.Fatalf("import of %s was stored", i.m.id)
	}
	return err
}

// exact compares events with their times, and tells nil from what is empty only
// by whether there is something.
func exact(t tb, got, want []store.Event) {
	t.Helper()
	sameEvents(t, got, want)
	for i := range got {
		if !got[i].RecordedAt.Equal(want[i].RecordedAt) {
			t.Fatalf("event %d was recorded at %s, want %s", i, got[i].RecordedAt, want[i].RecordedAt)
		}
	}
}

// importEvents imports a log of several epochs, and goes on with it.
func (t *test) importEvents() {
	st := t.open()
	m := owner(t, st)
	slot := slotOf("accounts-a")
	first := m.imports(3, past).event("accounts-a", 0, func(e *store.Event) {
		e.MessageID, e.Command = "m-0", command("m-0", 2)
	}).event("accounts-a", 1).event("accounts-b", 0)
	first.send()
	second := m.imports(7, past.Add(time.Hour)).event("accounts-a", 2).event("accounts-a", 4) // as a state-based aggregate's deletions
	second.send()
	exact(t, stream(t, st, "accounts-a"), slices.Concat(first.a.Events[:2], second.a.Events))
	exact(t, stream(t, st, "accounts-b"), first.a.Events[2:])
	if c := loadOne(t, st, "accounts-a", "m-0").Commands[0]; c == nil || !reflect.DeepEqual(c.Command, *command("m-0", 2)) {
		t.Errorf("the command of an imported event is %+v", c)
	}
	for _, row := range must(st.Slots(t.Context()))(t, "slots") {
		if row.Slot == slot && (row.Epoch != 7 || row.Owner != m.id) {
			t.Errorf("the slot is %+v, want epoch 7 and the importer", row)
		}
	}
	if stale := must(m.w.Verify(t.Context(), m.all()))(t, "verify"); len(stale) > 0 {
		t.Errorf("claims of the importer are stale: %+v", stale)
	}
	m.batch().add("accounts-a", 5).send() // at epoch 7
	claims := m.acquire(slot)
	if len(claims) != 1 || claims[0].Epoch != 8 || claims[0].Head.Epoch != 7 {
		t.Errorf("the next acquisition is %+v, want epoch 8 behind a head of epoch 7", claims)
	}
	is[*store.DuplicateMessageError](t, m.batch().command("m-0", "accounts-a", 6, 1).refused())
	m.batch().command("m-1", "accounts-a", 6, 1).send()
	logs(t, st) // neither epochs nor times fall
}

// importRefused imports what cannot be the next part of a log.
func (t *test) importRefused() {
	st := t.open()
	m := owner(t, st)
	m.imports(3, past).event("accounts-a", 0, func(e *store.Event) {
		e.MessageID, e.Command = "m-0", command("m-0", 1)
	}).event("accounts-b", 5).send()
	before := logs(t, st)
	fresh := func(change ...func(*store.Event)) *imported {
		return m.imports(3, past.Add(time.Minute)).event("accounts-a", 1, change...)
	}
	faults := map[string]*imported{
		"a gap":                      fresh(func(e *store.Event) { e.Offset++ }),
		"an offset again":            fresh(func(e *store.Event) { e.Offset-- }),
		"an epoch that falls":        fresh(func(e *store.Event) { e.Epoch = 2 }),
		"a time that falls":          fresh(func(e *store.Event) { e.RecordedAt = past.Add(-time.Second) }),
		"a time that is to come":     fresh(func(e *store.Event) { e.RecordedAt = time.Now().Add(24 * time.Hour) }),
		"no time":                    fresh(func(e *store.Event) { e.RecordedAt = time.Time{} }),
		"a command without its id":   fresh(func(e *store.Event) { e.Command = command("x", 1) }),
		"a time that falls within":   fresh().event("accounts-a", 2, func(e *store.Event) { e.RecordedAt = past }),
		"an epoch that falls within": m.imports(4, past.Add(time.Minute)).event("accounts-a", 1).event("accounts-a", 2, func(e *store.Event) { e.Epoch = 3 }),
	}
	for name, i := range faults {
		if err := i.try(t.Context()); err == nil {
			t.Errorf("%s was imported", name)
		}
	}
	if err := as[*store.VersionConflictError](t, m.imports(3, past.Add(time.Minute)).event("accounts-b", 5).refused()); err.Current != 5 || err.Stream != "accounts-b" {
		t.Errorf("a version again: %+v", err)
	}
	is[*store.VersionConflictError](t, m.imports(3, past.Add(time.Minute)).event("accounts-b", 4).refused())
	is[*store.DuplicateMessageError](t, fresh(func(e *store.Event) { e.MessageID, e.Command = "m-0", command("m-0", 1) }).refused())
	rich := fresh()
	rich.alarm(store.Alarm{ID: "x", Stream: "accounts-a", DueAt: past})
	rich.event("accounts-b", 1)
	is[*store.VersionConflictError](t, rich.refused())
	if got := must(st.Alarms(t.Context(), allSlots(), past.Add(time.Hour), 5))(t, "alarms"); len(got) > 0 {
		t.Errorf("a refused import left %+v", got)
	}
	exact(t, logs(t, st), before)
}

// importFenced imports as somebody who may not write.
func (t *test) importFenced() {
	st := t.open()
	m := owner(t, st)
	one := func() *imported { return m.imports(1, past).event("accounts-a", 0) }

	stale := one()
	stale.a.Claims[0].Epoch++
	is[*store.StaleSlotError](t, stale.refused())
	moved := m.imports(2, past).event("accounts-a", 0)
	moved.a.Claims[0].Head = store.Head{Offset: 0, Epoch: 1}
	moved.a.Events[0].Offset = 1
	is[*store.StaleSlotError](t, moved.refused())

	late := one()
	m.reconnect(2)
	is[*store.FencedError](t, late.refused())

	other := joined(t, st, "other", longLease)
	other.claims = m.claims
	is[*store.StaleSlotError](t, other.imports(1, past).event("accounts-a", 0).refused())

	one().send()
	gone := m.imports(1, past.Add(time.Second)).event("accounts-a", 1)
	must(st.Renew(t.Context(), m.id, 0, true))(t, "renew")
	killed(t, st, m.id)
	is[*store.FencedError](t, gone.refused())
	if n := len(logs(t, st)); n != 1 {
		t.Errorf("%d events are stored, want 1", n)
	}
}

// importBlanked imports an erased stream as it is once it was blanked.
func (t *test) importBlanked() {
	st := t.open()
	m := owner(t, st)
	blank := func(e *store.Event) { e.Data, e.Metadata = nil, nil }
	m.imports(2, past).event("accounts-a", 0, blank, func(e *store.Event) { e.MessageID = "m-0" }).
		event("accounts-a", 1, blank).
		event("accounts-a", 2, blank, func(e *store.Event) { e.Type = store.TypeErased }).send()
	l := loadOne(t, st, "accounts-a", "m-0")
	if !l.Erased || l.Deleted != 2 || l.Commands[0] != nil {
		t.Errorf("loaded %+v", l)
	}
	events := stream(t, st, "accounts-a")
	if len(events) != 3 || events[0].MessageID != "m-0" || events[0].Command != nil || len(events[0].Data)+len(events[0].Metadata) > 0 {
		t.Errorf("the stream is %+v", events)
	}
	for done := false; !done; {
		done = must(st.Erase(t.Context(), "accounts-a", 2))(t, "erase")
	}
	if left := must(st.PendingErasures(t.Context(), 5))(t, "pending"); len(left) > 0 {
		t.Errorf("still to blank: %v", left)
	}
	m.imports(3, past.Add(time.Second)).event("accounts-b", 0).event("accounts-b", 1, func(e *store.Event) { e.Type = store.TypeErased }).send()
	if left := must(st.PendingErasures(t.Context(), 5))(t, "pending"); !slices.Equal(left, []message.Stream{"accounts-b"}) {
		t.Errorf("still to blank: %v, want accounts-b", left)
	}
	m.imports(3, past.Add(time.Second)).event("accounts-c", 0).event("accounts-c", 1, func(e *store.Event) { e.Type = store.TypeDeleted }).send()
	if l := loadOne(t, st, "accounts-c"); l.Deleted != 1 || l.Erased {
		t.Errorf("loaded %+v", l)
	}
}

// importRows imports what stands beside events, more than once.
func (t *test) importRows() {
	st := t.open()
	m := owner(t, st)
	state := store.State{Stream: "carts-a", Version: 8, Schema: 2, Encoding: store.Proto, Data: []byte{0, 1},
		Recent: []store.Processed{{MessageID: "m-7", Command: *command("m-7", 1)}, {MessageID: "m-8", Command: *command("m-8", 2)}}}
	snapshot := store.Snapshot{Stream: "accounts-a", Version: 3, Schema: 1, Data: []byte(`{"a": 1}`)}
	alarm := store.Alarm{ID: "once", Stream: "carts-a", DueAt: past, Message: []byte(`{"id":"x"}`)}
	for range 2 {
		i := m.imports(1, past)
		i.state(state)
		i.alarm(alarm)
		i.a.Snapshots = append(i.a.Snapshots, snapshot) // whose slot is not claimed
		i.send()
		state.Slot, alarm.Slot = slotOf(state.Stream), slotOf(alarm.Stream)
		l := loadOne(t, st, "carts-a", "m-8")
		if l.State == nil || !reflect.DeepEqual(*l.State, state) || l.Commands[0] == nil || l.Commands[0].First != 7 {
			t.Fatalf("loaded %+v, want %+v", l.State, state)
		}
		if l := loadOne(t, st, "accounts-a"); l.Snapshot == nil || !reflect.DeepEqual(*l.Snapshot, snapshot) {
			t.Fatalf("loaded %+v, want %+v", l.Snapshot, snapshot)
		}
		if got := must(st.Alarms(t.Context(), allSlots(), past.Add(time.Microsecond), 5))(t, "alarms"); !reflect.DeepEqual(got, []store.Alarm{alarm}) {
			t.Fatalf("alarms %+v, want %+v", got, alarm)
		}
		state.Version, state.Data, snapshot.Version = 7, []byte{9}, 2 // replace what is newer
		state.Recent = []store.Processed{{MessageID: "m-8", Command: *command("m-8", 1)}}
	}
	i := m.imports(1, past)
	i.a.States = []store.State{state}
	if i.try(t.Context()) == nil {
		t.Error("a state in a slot that is not claimed was imported")
	}
}

// exportPages reads all rows of a group, page by page.
func (t *test) exportPages() {
	st := t.open()
	x, ok := st.(store.Exporter)
	if !ok {
		t.Fatalf("a store of type %T cannot be exported", st)
	}
	if heads := must(x.Heads(t.Context()))(t, "heads"); len(heads) > 0 {
		t.Errorf("an empty group has the heads %+v", heads)
	}
	m := owner(t, st)
	ids := []string{"", "a", "B", "_", "%", "ä", "ab", "a-b", "Z", "zz", "\U0001F600", "￿"}
	want := make([]message.Stream, 0, len(ids))
	for i, id := range ids {
		name := message.Stream("x-" + id)
		want = append(want, name)
		m.batch().add(name, 0).snapshot(store.Snapshot{Stream: name, Version: 0, Data: fmt.Append(nil, i)}).send()
		m.batch().state(store.State{Stream: "s" + name, Expected: -1, Version: message.Version(i), Data: fmt.Append(nil, i)}).
			alarm(store.Alarm{ID: string(name), Stream: name, DueAt: past.Add(time.Duration(i) * time.Second), Message: []byte(`{}`)}).send()
	}
	slices.Sort(want) // by their bytes
	for _, limit := range []int{1, 3, 5, 1000} {
		var snapshots, states, alarms []message.Stream
		after := message.Stream("")
		for {
			rows := must(x.ReadSnapshots(t.Context(), after, limit))(t, "snapshots")
			if len(rows) == 0 {
				break
			}
			for _, r := range rows {
				snapshots = append(snapshots, r.Stream)
			}
			after = rows[len(rows)-1].Stream
		}
		after = ""
		for {
			rows := must(x.ReadStates(t.Context(), after, limit))(t, "states")
			if len(rows) == 0 {
				break
			}
			for _, r := range rows {
				states = append(states, r.Stream[1:])
				if r.Slot != slotOf(r.Stream) || string(r.Data) != fmt.Sprint(int(r.Version)) {
					t.Errorf("a state is %+v", r)
				}
			}
			after = rows[len(rows)-1].Stream
		}
		id := ""
		for {
			rows := must(x.ReadAlarms(t.Context(), id, limit))(t, "alarms")
			if len(rows) == 0 {
				break
			}
			for _, r := range rows {
				alarms = append(alarms, r.Stream)
			}
			id = rows[len(rows)-1].ID
		}
		for kind, got := range map[string][]message.Stream{"snapshots": snapshots, "states": states, "alarms": alarms} {
			if !slices.Equal(got, want) {
				t.Errorf("%s in pages of %d: %q, want %q", kind, limit, got, want)
			}
		}
	}
	var heads []store.SlotHead
	for slot := range ring.Slot(slots) {
		if events := log(t, st, slot); len(events) > 0 {
			heads = append(heads, store.SlotHead{Slot: slot, Head: store.Head{Offset: store.Offset(len(events) - 1), Epoch: 1}})
		}
	}
	if got := must(x.Heads(t.Context()))(t, "heads"); !reflect.DeepEqual(got, heads) {
		t.Errorf("the heads are %+v, want %+v", got, heads)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.ReadStates(ctx, "", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ended: %v", err)
	}
}
