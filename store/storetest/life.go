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

// calls are all calls of a store and of a member's writer.
func calls(st store.Store, m *member) map[string]func(ctx context.Context) error {
	b := m.batch().add("accounts-called", 0)
	return map[string]func(ctx context.Context) error{
		"Join": func(ctx context.Context) error {
			_, err := st.Join(ctx, store.Member{ID: "late", Writers: 1}, time.Hour)
			return err
		},
		"Renew":    func(ctx context.Context) error { _, err := st.Renew(ctx, m.id, longLease, false); return err },
		"Depose":   func(ctx context.Context) error { _, err := st.Depose(ctx, store.Depose{Member: m.id}); return err },
		"Reap":     func(ctx context.Context) error { _, err := st.Reap(ctx, 0); return err },
		"Members":  func(ctx context.Context) error { _, err := st.Members(ctx); return err },
		"Slots":    func(ctx context.Context) error { _, err := st.Slots(ctx); return err },
		"SaveRing": func(ctx context.Context) error { _, err := st.SaveRing(ctx, store.Ring{Version: 1}, 0); return err },
		"LoadRing": func(ctx context.Context) error { _, err := st.LoadRing(ctx); return err },
		"Load": func(ctx context.Context) error {
			_, err := st.Load(ctx, []store.LoadRequest{{Stream: "a-1"}})
			return err
		},
		"ReadStream": func(ctx context.Context) error { _, err := st.ReadStream(ctx, "a-1", 0, 1); return err },
		"ReadSlot":   func(ctx context.Context) error { _, err := st.ReadSlot(ctx, 0, 0, 1); return err },
		"ListStreams": func(ctx context.Context) error {
			_, err := st.ListStreams(ctx, store.StreamQuery{Limit: 1})
			return err
		},
		"Alarms":          func(ctx context.Context) error { _, err := st.Alarms(ctx, allSlots(), time.Now(), 1); return err },
		"Erase":           func(ctx context.Context) error { _, err := st.Erase(ctx, "accounts-gone", 1); return err },
		"PendingErasures": func(ctx context.Context) error { _, err := st.PendingErasures(ctx, 1); return err },
		"Append":          b.try,
		"Acquire":         func(ctx context.Context) error { _, err := m.w.Acquire(ctx, []ring.Slot{0}); return err },
		"Release":         func(ctx context.Context) error { return m.w.Release(ctx, m.all()) },
		"Verify":          func(ctx context.Context) error { _, err := m.w.Verify(ctx, m.all()); return err },
		"Raise":           func(ctx context.Context) error { return m.w.Raise(ctx, 99) },
	}
}

func (t *test) closed() {
	st := t.open()
	m := owner(t, st)
	w := must(st.Writer(t.Context(), m.id, 0))(t, "writer")
	if err := w.Close(); err != nil {
		t.Errorf("close a writer: %v", err)
	}
	if err := w.Raise(t.Context(), 7); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a writer that is closed answers %v", err)
	}
	m.batch().deletion(store.TypeErased, "accounts-gone", 0).send() // closing one writer leaves the member as it is
	if err := st.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	for name, call := range calls(st, m) {
		if err := call(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("after Close, %s answers %v", name, err)
		}
	}
	if _, err := st.Writer(t.Context(), m.id, 0); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after Close, Writer answers %v", err)
	}
	if err := st.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

// contexts ends contexts before calls and in the middle of them.
func (t *test) contexts() {
	st := t.open()
	m := owner(t, st)
	m.batch().deletion(store.TypeErased, "accounts-gone", 0).send()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	before := rows(t, st)
	for name, call := range calls(st, m) {
		if err := call(over); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that is over, %s answers %v", name, err)
		}
	}
	if rows(t, st) != before || len(logs(t, st)) != 1 || len(must(st.Members(t.Context()))(t, "members")) != 1 {
		t.Error("a call with a context that is over changed something")
	}
	var version message.Version
	for i := range 60 {
		ctx, cancel := context.WithCancel(t.Context())
		id := message.ID(fmt.Sprint("m-", i))
		b := m.batch().command(id, "accounts-a", version, 2)
		ended := make(chan error)
		go func() { ended <- b.try(ctx) }()
		if i%2 == 0 {
			cancel()
		}
		err := <-ended
		cancel()
		var unknown *store.UnknownOutcomeError
		isUnknown := errors.As(err, &unknown)
		if isUnknown { // the one thing to do: a new generation waits for what is in
			m.reconnect(m.gen + 1)
		}
		stored := loadOne(t, st, "accounts-a", id).Commands[0] != nil
		switch {
		case isUnknown && stored:
			b.settle()
		case !isUnknown && stored != (err == nil):
			t.Fatalf("append %d answered %v, and is stored: %v", i, err, stored)
		}
		if stored {
			version += 2
		}
	}
}

// reopened closes the store and finds everything as it was.
func (t *test) reopened() {
	place := t.Locate(t.T)
	st := must(t.Open(t.Context(), place))(t, "open")
	m := owner(t, st)
	b := m.batch().command("m-0", "accounts-a", 0, 3).command("m-1", "accounts-b", 0, 2).
		snapshot(store.Snapshot{Stream: "accounts-a", Version: 1, Data: []byte("{}")}).
		state(store.State{Stream: "carts-a", Expected: -1, Version: 2, Data: []byte("{}"), Recent: []store.Processed{{MessageID: "r", Command: *command("r", 1)}}}).
		alarm(store.Alarm{ID: "a", Stream: "accounts-a", DueAt: time.Unix(5, 0), Message: []byte("{}")})
	b.send()
	must(st.SaveRing(t.Context(), store.Ring{Version: 1, Body: []byte("ring")}, 0))(t, "save")
	look := func() []any {
		return []any{
			loadOne(t, st, "accounts-a", "m-0"), loadOne(t, st, "carts-a", "r"), logs(t, st), rows(t, st),
			must(st.Members(t.Context()))(t, "members"), must(st.LoadRing(t.Context()))(t, "ring"),
			must(st.Alarms(t.Context(), allSlots(), time.Unix(9, 0), 9))(t, "alarms"),
		}
	}
	before := look()
	if err := st.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	st = must(t.Open(t.Context(), place))(t, "open again")
	defer st.Close() //nolint:errcheck // what was to be seen was seen
	for i, after := range look() {
		if !reflect.DeepEqual(after, before[i]) {
			t.Errorf("opened again, the store answers\n%+v\nbefore\n%+v", after, before[i])
		}
	}
	next := joined(t, st, "next", longLease)
	if got := next.acquire(allSlots()...); len(got) != 0 {
		t.Errorf("acquired %+v from a member that was not deposed", got)
	}
	t.bury(st, m.id)
	next.acquire(allSlots()...)
	next.batch().command("m-2", "accounts-a", 3, 1).send()
	logs(t, st)
}

// bury deposes a member of a process that has ended, whose lease was long.
func (t *test) bury(st store.Store, id store.MemberID) {
	t.Helper()
	if t.Exclusive {
		if !must(st.Depose(t.Context(), store.Depose{Member: id, Alone: true}))(t, "depose") {
			t.Fatalf("%s is not deposed", id)
		}
		return
	}
	must(st.Renew(t.Context(), id, 0, false))(t, "end the lease")
	killed(t, st, id)
}

// eraseReopened stops erasing in the middle.
func (t *test) eraseReopened() {
	place := t.Locate(t.T)
	st := must(t.Open(t.Context(), place))(t, "open")
	written := secretive(owner(t, st), "people-p")
	for range 3 {
		if must(st.Erase(t.Context(), "people-p", 4))(t, "erase") {
			t.Fatal("12 of 27 rows are all")
		}
	}
	if err := st.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	st = must(t.Open(t.Context(), place))(t, "open again")
	defer st.Close() //nolint:errcheck // what was to be seen was seen
	if got := must(st.PendingErasures(t.Context(), 9))(t, "pending"); !slices.Equal(got, []message.Stream{"people-p"}) {
		t.Errorf("erasures are pending for %q", got)
	}
	eraseAll(t, st, "people-p", 4)
	sameEvents(t, stream(t, st, "people-p"), blank(written))
	searchSecret(t, st)
}

func (t *test) locked() {
	place := t.Locate(t.T)
	st := must(t.Open(t.Context(), place))(t, "open")
	for range 2 { // the refused one leaves the lock as it is
		second, err := t.Open(t.Context(), place)
		if err == nil {
			second.Close() //nolint:errcheck // the test has failed
		}
		is[*store.LockedError](t, err)
	}
	owner(t, st).batch().add("accounts-a", 0).send()
	if err := st.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	st = must(t.Open(t.Context(), place))(t, "open after it was closed")
	if err := st.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}
