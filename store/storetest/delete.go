package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// listed is the stream's entry in the list.
func listed(t tb, st store.Store, name message.Stream) store.StreamInfo {
	t.Helper()
	kind, id, _ := name.Split()
	for _, info := range must(st.ListStreams(t.Context(), store.StreamQuery{Name: kind, Prefix: string(id), Limit: 50}))(t, "list") {
		if info.Stream == name {
			return info
		}
	}
	t.Fatalf("%s is not listed", name)
	return store.StreamInfo{}
}

func (t *test) deleteSoft() {
	st := t.open()
	m := owner(t, st)
	m.batch().command("m-0", "accounts-a", 0, 3).snapshot(store.Snapshot{Stream: "accounts-a", Version: 1}).send()
	m.batch().deletion(store.TypeDeleted, "accounts-a", 3).send()
	l := loadOne(t, st, "accounts-a")
	if l.Deleted != 3 || l.Erased || l.Snapshot != nil || len(l.Events) != 0 || l.More {
		t.Errorf("deleted at 3, the stream loads as %+v", l)
	}
	if got := versions(stream(t, st, "accounts-a")); got != "0 1 2 3" {
		t.Errorf("deleted, the stream reads as %q", got)
	}
	if info := listed(t, st, "accounts-a"); info != (store.StreamInfo{Stream: "accounts-a", Version: 3, Deleted: true}) {
		t.Errorf("deleted, the stream is listed as %+v", info)
	}
	if err := as[*store.VersionConflictError](t, m.batch().add("accounts-a", 0).refused()); err.Current != 3 {
		t.Errorf("a new event at version 0 is refused with %+v", *err)
	}
	m.batch().command("m-1", "accounts-a", 4, 3).send()
	if l := loadOne(t, st, "accounts-a"); l.Deleted != 3 || l.Snapshot != nil || versions(l.Events) != "4 5 6" {
		t.Errorf("begun anew at 4, the stream loads as %+v", l)
	}
	if info := listed(t, st, "accounts-a"); info != (store.StreamInfo{Stream: "accounts-a", Version: 6}) {
		t.Errorf("begun anew, the stream is listed as %+v", info)
	}
	m.batch().add("accounts-a", 7).snapshot(store.Snapshot{Stream: "accounts-a", Version: 5}).send()
	if l := loadOne(t, st, "accounts-a"); l.Deleted != 3 || l.Snapshot == nil || l.Snapshot.Version != 5 || versions(l.Events) != "6 7" {
		t.Errorf("with a snapshot of its new life, the stream loads as %+v", l)
	}
	m.batch().deletion(store.TypeDeleted, "accounts-a", 8).send()
	if l := loadOne(t, st, "accounts-a"); l.Deleted != 8 || l.Snapshot != nil || len(l.Events) != 0 {
		t.Errorf("deleted again at 8, the stream loads as %+v", l)
	}
}

// deleteState deletes an aggregate without events. The row stays, older than
// the deletion, because its commands still answer repeats.
func (t *test) deleteState() {
	st := t.open()
	m := owner(t, st)
	m.batch().state(store.State{Stream: "carts-a", Expected: -1, Version: 4, Recent: []store.Processed{{MessageID: "m-0", Command: *command("m-0", 1)}}}).send()
	if err := as[*store.VersionConflictError](t, m.batch().deletion(store.TypeDeleted, "carts-a", 0).refused()); err.Current != 4 {
		t.Errorf("a deletion at version 0 is refused with %+v", *err)
	}
	m.batch().deletion(store.TypeDeleted, "carts-a", 5).send()
	if l := loadOne(t, st, "carts-a", "m-0"); l.Deleted != 5 || l.State == nil || l.State.Version != 4 || l.Commands[0] == nil {
		t.Errorf("deleted at 5, the state loads as %+v", l)
	}
	if info := listed(t, st, "carts-a"); info != (store.StreamInfo{Stream: "carts-a", Version: 5, Deleted: true}) {
		t.Errorf("deleted, the state is listed as %+v", info)
	}
	if err := as[*store.VersionConflictError](t, m.batch().state(store.State{Stream: "carts-a", Expected: 4, Version: 6}).refused()); err.Current != 5 {
		t.Errorf("a state that does not know of the deletion is refused with %+v", *err)
	}
	m.batch().state(store.State{Stream: "carts-a", Expected: 5, Version: 6}).send()
	if l := loadOne(t, st, "carts-a"); l.Deleted != 5 || l.State == nil || l.State.Version != 6 {
		t.Errorf("begun anew at 6, the state loads as %+v", l)
	}
	if info := listed(t, st, "carts-a"); info != (store.StreamInfo{Stream: "carts-a", Version: 6}) {
		t.Errorf("begun anew, the state is listed as %+v", info)
	}
}

const secret = "hunter2"

// secretive fills a stream, its snapshot, state and alarms with the secret and
// erases it.
func secretive(m *member, name message.Stream) (written []store.Event) {
	payload := []byte(`{"password":"` + secret + `"}`)
	b := m.batch()
	for i := range message.Version(10) {
		b.command(message.ID(fmt.Sprint("m-", i)), name, 2*i, 2)
	}
	for i := range b.a.Events {
		e := &b.a.Events[i]
		e.Data, e.Metadata = payload, payload
		if e.Command != nil {
			e.Command.Request, e.Command.Response = payload, payload
		}
	}
	for i := range 4 {
		b.alarm(store.Alarm{ID: fmt.Sprint(name, i), Stream: name, DueAt: time.Unix(int64(i), 0), Message: payload})
	}
	b.snapshot(store.Snapshot{Stream: name, Version: 19, Data: payload})
	b.send()
	last := m.batch().state(store.State{Stream: name, Expected: 19, Version: 20, Data: payload,
		Recent: []store.Processed{{MessageID: "r", Command: store.Command{Request: payload, Response: payload}}}})
	last.send()
	end := m.batch().deletion(store.TypeErased, name, 21)
	end.a.Events[0].Data, end.a.Events[0].Metadata = payload, payload
	end.send()
	return append(b.a.Events, end.a.Events...)
}

func (t *test) erase() {
	st := t.open()
	m := owner(t, st)
	m.batch().command("m-0", "accounts-a", 0, 2).alarm(store.Alarm{ID: "kept", Stream: "accounts-a", DueAt: time.Unix(0, 0)}).send()
	written := secretive(m, "people-p")
	secretive(m, "people-q")

	if got := must(st.PendingErasures(t.Context(), 10))(t, "pending"); !slices.Equal(got, []message.Stream{"people-p", "people-q"}) {
		t.Fatalf("erasures are pending for %q", got)
	}
	if got := must(st.PendingErasures(t.Context(), 1))(t, "pending"); len(got) != 1 {
		t.Fatalf("at most one erasure is asked for: %q", got)
	}
	for range 2 { // before and after blanking, nothing is told but that it is erased
		l := loadOne(t, st, "people-p", "m-0", "r")
		if !l.Erased || l.Deleted != 21 || l.Snapshot != nil || l.State != nil || len(l.Events) != 0 || l.More || l.Commands[0] != nil || l.Commands[1] != nil {
			t.Errorf("erased, the stream loads as %+v", l)
		}
		if info := listed(t, st, "people-p"); info != (store.StreamInfo{Stream: "people-p", Version: 21, Deleted: true, Erased: true}) {
			t.Errorf("erased, the stream is listed as %+v", info)
		}
		if chunks := eraseAll(t, st, "people-p", 4); chunks < 6 && chunks != 1 {
			t.Errorf("27 rows were blanked in %d chunks of 4", chunks)
		}
	}
	if got := must(st.PendingErasures(t.Context(), 10))(t, "pending"); !slices.Equal(got, []message.Stream{"people-q"}) {
		t.Errorf("with people-p blanked, erasures are pending for %q", got)
	}
	if chunks := eraseAll(t, st, "people-q", 1000); chunks > 2 {
		t.Errorf("27 rows were blanked in %d chunks of 1,000", chunks)
	}
	sameEvents(t, stream(t, st, "people-p"), blank(written))
	searchSecret(t, st)
	if got := must(st.Alarms(t.Context(), allSlots(), time.Unix(1e9, 0), 10))(t, "alarms"); len(got) != 1 || got[0].ID != "kept" {
		t.Errorf("after erasing others' alarms, there are %+v", got)
	}
	found(t, st, "accounts-a", []message.ID{"m-0"}, []message.Version{0}, 2)
	is[*store.DuplicateMessageError](t, m.batch().command("m-0", "people-p", 22, 1).refused())
}

// eraseAll erases in chunks and counts them.
func eraseAll(t tb, st store.Store, name message.Stream, limit int) (chunks int) {
	t.Helper()
	for {
		chunks++
		if must(st.Erase(t.Context(), name, limit))(t, "erase") {
			return chunks
		}
		if pending := must(st.PendingErasures(t.Context(), 10))(t, "pending"); !slices.Contains(pending, name) {
			t.Fatalf("the erasure of %s is neither done nor pending", name)
		}
		if chunks > 100 {
			t.Fatalf("the erasure of %s does not come to an end", name)
		}
	}
}

// blank is what stays of events that were erased.
func blank(events []store.Event) []store.Event {
	events = slices.Clone(events)
	for i := range events {
		events[i].Data, events[i].Metadata, events[i].Command = nil, nil, nil
	}
	return events
}

// searchSecret looks for the secret through every door.
func searchSecret(t tb, st store.Store) {
	t.Helper()
	events := logs(t, st)
	for _, name := range []message.Stream{"people-p", "people-q"} {
		events = append(events, stream(t, st, name)...)
	}
	for _, e := range events {
		if bytes.Contains([]byte(show(e)), []byte(secret)) {
			t.Errorf("the secret is still in %s", show(e))
		}
	}
	out, ok := st.(store.Exporter)
	if !ok {
		return
	}
	for _, sn := range must(out.ReadSnapshots(t.Context(), "", 100))(t, "read snapshots") {
		if bytes.Contains(sn.Data, []byte(secret)) {
			t.Errorf("the secret is still in the snapshot of %s", sn.Stream)
		}
	}
	for _, row := range must(out.ReadStates(t.Context(), "", 100))(t, "read states") {
		held := row.Data
		for _, r := range row.Recent {
			held = slices.Concat(held, r.Command.Request, r.Command.Response)
		}
		if bytes.Contains(held, []byte(secret)) {
			t.Errorf("the secret is still in the state of %s", row.Stream)
		}
	}
	for _, al := range must(out.ReadAlarms(t.Context(), "", 100))(t, "read alarms") {
		if bytes.Contains(al.Message, []byte(secret)) {
			t.Errorf("the secret is still in alarm %s", al.ID)
		}
	}
}

func (t *test) eraseRefused() {
	st := t.open()
	m := owner(t, st)
	b := m.batch().command("m-0", "accounts-a", 0, 2).deletion(store.TypeDeleted, "accounts-b", 0)
	b.send()
	for _, name := range []message.Stream{"accounts-a", "accounts-b", "accounts-none"} {
		if done, err := st.Erase(t.Context(), name, 10); done || !errors.Is(err, store.ErrNotErased) {
			t.Errorf("erase of %s, which is not erased: %v, %v", name, done, err)
		}
	}
	if got := must(st.PendingErasures(t.Context(), 10))(t, "pending"); len(got) > 0 {
		t.Errorf("erasures are pending for %q", got)
	}
	sameEvents(t, stream(t, st, "accounts-a"), b.a.Events[:2])
}
