package storetest

import (
	"fmt"
	"reflect"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

func (t *test) snapshots() {
	st := t.open()
	m := owner(t, st)
	take := func(v message.Version) store.Snapshot {
		return store.Snapshot{Stream: "accounts-a", Version: v, Schema: 2, Encoding: store.Proto, Data: fmt.Appendf(nil, "\x00state at %d", v)}
	}
	b := m.batch()
	for v := range message.Version(10) {
		b.add("accounts-a", v)
	}
	b.snapshot(take(9)).send() // with the event that it includes
	check := func(at message.Version, behind string) {
		t.Helper()
		l := loadOne(t, st, "accounts-a")
		if want := take(at); l.Snapshot == nil || !reflect.DeepEqual(*l.Snapshot, want) || versions(l.Events) != behind {
			t.Fatalf("loaded with snapshot %+v and events %q, want %+v and %q", l.Snapshot, versions(l.Events), want, behind)
		}
	}
	check(9, "")
	m.batch().add("accounts-a", 10).add("accounts-a", 11).send()
	check(9, "10 11")
	m.batch().add("accounts-a", 12).snapshot(take(10)).send()
	check(10, "11 12")
	m.batch().add("accounts-a", 13).snapshot(take(4)).send() // an older one, late
	check(10, "11 12 13")
	newer := take(10)
	newer.Schema = 3
	m.batch().add("accounts-a", 14).snapshot(newer).send() // the same version in a newer form
	if l := loadOne(t, st, "accounts-a"); l.Snapshot == nil || l.Snapshot.Schema != 3 {
		t.Errorf("a snapshot of the same version did not replace the older one: %+v", l.Snapshot)
	}
	if l := loadOne(t, st, "accounts-b"); l.Snapshot != nil {
		t.Errorf("another stream has snapshot %+v", l.Snapshot)
	}
	if len(stream(t, st, "accounts-a")) != 15 {
		t.Error("a snapshot took events away")
	}
}

func (t *test) states() {
	st := t.open()
	m := owner(t, st)
	put := func(expected, v message.Version, ids ...message.ID) store.State {
		row := store.State{Stream: "carts-a", Slot: slotOf("carts-a"), Expected: expected, Version: v, Schema: 4, Data: fmt.Appendf(nil, `{"v":%d}`, v)}
		for _, id := range ids {
			row.Recent = append(row.Recent, store.Processed{MessageID: id, Command: *command(id, 1)})
		}
		return row
	}
	check := func(want store.State) {
		t.Helper()
		want.Expected = 0
		l := loadOne(t, st, "carts-a")
		if l.State != nil && len(l.State.Recent) == 0 {
			l.State.Recent = nil
		}
		if l.State == nil || !reflect.DeepEqual(*l.State, want) || len(l.Events) > 0 {
			t.Fatalf("loaded %+v with %d events, want %+v", l.State, len(l.Events), want)
		}
		info := must(st.ListStreams(t.Context(), store.StreamQuery{Name: "carts", Limit: 5}))(t, "list")
		if len(info) != 1 || info[0] != (store.StreamInfo{Stream: "carts-a", Version: want.Version}) {
			t.Fatalf("the list is %+v, want carts-a at %d", info, want.Version)
		}
	}
	if l := loadOne(t, st, "carts-a"); l.State != nil {
		t.Fatalf("a state from nowhere: %+v", l.State)
	}
	m.batch().state(put(-1, 0, "m-0")).send()
	check(put(-1, 0, "m-0"))
	m.batch().state(put(0, 3, "m-0", "é-'1")).send() // a command of three events
	check(put(0, 3, "m-0", "é-'1"))
	for _, expected := range []message.Version{-1, 0, 2, 4} {
		err := as[*store.VersionConflictError](t, m.batch().state(put(expected, expected+1)).refused())
		if err.Stream != "carts-a" || err.Expected != expected || err.Current != 3 {
			t.Errorf("expecting %d, the error is %+v", expected, *err)
		}
	}
	check(put(0, 3, "m-0", "é-'1"))
	// Events and states of a stream count in one line.
	if err := as[*store.VersionConflictError](t, m.batch().add("carts-a", 0).refused()); err.Current != 3 {
		t.Errorf("an event behind a state: %+v", *err)
	}
	m.batch().state(put(3, 4)).send()
	check(put(3, 4))
}

func (t *test) alarms() {
	st := t.open()
	m := owner(t, st)
	base := time.Date(2031, 2, 3, 4, 5, 6, 789_000, time.UTC)
	alarm := func(id string, name message.Stream, after time.Duration) store.Alarm {
		return store.Alarm{ID: id, Stream: name, Slot: slotOf(name), DueAt: base.Add(after), Message: []byte(`{"id":"` + id + `"}`)}
	}
	all := []store.Alarm{
		alarm("b", "accounts-a", 0), alarm("c", "accounts-b", 0), alarm("a", "accounts-a", time.Microsecond), alarm("z", "accounts-c", time.Second), alarm("y", "accounts-d", time.Hour),
	}
	m.batch().add("accounts-a", 0).alarm(all[0]).alarm(all[2]).send()
	m.batch().alarm(all[4]).alarm(all[3]).alarm(all[1]).send()
	due := func(of []ring.Slot, until time.Duration, limit int, want ...store.Alarm) {
		t.Helper()
		got := must(st.Alarms(t.Context(), of, base.Add(until), limit))(t, "alarms")
		if len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("due within %s: %+v, want %+v", until, got, want)
		}
	}
	due(allSlots(), 2*time.Hour, 10, all...)
	due(allSlots(), 2*time.Hour, 3, all[:3]...)
	due(allSlots(), time.Hour, 10, all[:4]...) // due before, not at
	due(allSlots(), 0, 10)
	due(nil, 2*time.Hour, 10)
	due(allSlots(), 2*time.Hour, 0)
	due([]ring.Slot{slotOf("accounts-c")}, 2*time.Hour, 10, all[3])
	moved := alarm("b", "accounts-d", time.Minute)
	m.batch().alarm(moved).send() // the same id: replaced
	due(allSlots(), 2*time.Hour, 10, all[1], all[2], all[3], moved, all[4])
}

// rowsOfRefused refuses appends for each reason, and looks for what they carried
// beside their events.
func (t *test) rowsOfRefused() {
	st := t.open()
	m := owner(t, st)
	m.batch().command("m-0", "accounts-a", 0, 1).state(store.State{Stream: "carts-a", Expected: -1, Version: 0, Data: []byte(`"old"`)}).send()
	rich := func(b *batch) *batch {
		return b.snapshot(store.Snapshot{Stream: "accounts-a", Version: 0}).
			alarm(store.Alarm{ID: "a", Stream: "accounts-a", DueAt: time.Unix(1, 0)}).
			state(store.State{Stream: "carts-b", Expected: -1, Version: 0})
	}
	is[*store.VersionConflictError](t, rich(m.batch().command("m-1", "accounts-a", 0, 1)).refused())
	is[*store.DuplicateMessageError](t, rich(m.batch().command("m-0", "accounts-a", 1, 1)).refused())
	is[*store.VersionConflictError](t, rich(m.batch().command("m-1", "accounts-a", 1, 1)).state(store.State{Stream: "carts-a", Expected: 5, Version: 6}).refused())
	stale := rich(m.batch().command("m-1", "accounts-a", 1, 1))
	stale.a.Claims[0].Epoch++
	for i := range stale.a.Events {
		stale.a.Events[i].Epoch++
	}
	is[*store.StaleSlotError](t, stale.refused())
	late := rich(m.batch().command("m-1", "accounts-a", 1, 1))
	late.a.Gen++
	is[*store.FencedError](t, late.refused())

	if l := loadOne(t, st, "accounts-a"); l.Snapshot != nil || versions(l.Events) != "0" {
		t.Errorf("refused appends left %+v", l)
	}
	if l := loadOne(t, st, "carts-b"); l.State != nil {
		t.Errorf("refused appends left the state %+v", l.State)
	}
	if l := loadOne(t, st, "carts-a"); l.State == nil || string(l.State.Data) != `"old"` {
		t.Errorf("refused appends changed the state to %+v", l.State)
	}
	if got := must(st.Alarms(t.Context(), allSlots(), time.Unix(1e9, 0), 10))(t, "alarms"); len(got) > 0 {
		t.Errorf("refused appends left the alarms %+v", got)
	}
	rich(m.batch().command("m-1", "accounts-a", 1, 1)).send()
}
