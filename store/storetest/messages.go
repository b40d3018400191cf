package storetest

import (
	"reflect"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

func (t *test) messageRepeat() {
	st := t.open()
	m := owner(t, st)
	m.batch().command("m-0", "accounts-a", 0, 2).command("m-1", "accounts-a", 2, 1).send()
	m.batch().command("m-0", "accounts-b", 0, 1).send() // another stream's message
	for name, b := range map[string]*batch{
		"right behind":          m.batch().command("m-1", "accounts-a", 3, 1),
		"the oldest":            m.batch().command("m-9", "accounts-a", 3, 1).command("m-0", "accounts-a", 4, 2),
		"late as well":          m.batch().command("m-0", "accounts-a", 0, 2),
		"of the second stream":  m.batch().command("m-9", "accounts-c", 0, 1).command("m-0", "accounts-b", 1, 1),
		"twice in one append":   m.batch().command("m-9", "accounts-a", 3, 1).command("m-9", "accounts-a", 4, 1),
		"twice in a new stream": m.batch().command("m-9", "accounts-d", 0, 1).command("m-9", "accounts-d", 1, 1),
	} {
		last := b.a.Events[len(b.a.Events)-1]
		id := last.MessageID
		for _, e := range b.a.Events {
			if e.MessageID != "" {
				id = e.MessageID
			}
		}
		err := as[*store.DuplicateMessageError](t, b.refused())
		if err.Stream != last.Stream || err.MessageID != id {
			t.Errorf("%s: the error names message %q of %q, want %q of %q", name, err.MessageID, err.Stream, id, last.Stream)
		}
	}
	if n := len(logs(t, st)); n != 4 {
		t.Errorf("the logs hold %d events, want 4", n)
	}
}

// found compares the answers to message ids: first[i] is the version of the
// first event of ids[i], or -1 for one that stored nothing.
func found(t tb, st store.Store, name message.Stream, ids []message.ID, first []message.Version, events int) {
	t.Helper()
	for _, hydrate := range []bool{true, false} {
		l := must(st.Load(t.Context(), []store.LoadRequest{{Stream: name, Hydrate: hydrate, Messages: ids}}))(t, "load")[0]
		for i, id := range ids {
			var want *store.Recorded
			if first[i] != message.NoVersion {
				want = &store.Recorded{Command: *command(id, events), First: first[i]}
			}
			if !reflect.DeepEqual(l.Commands[i], want) {
				t.Errorf("message %s of %s (hydrate %v) is answered by %+v, want %+v", id, name, hydrate, l.Commands[i], want)
			}
		}
		if !hydrate && (l.Snapshot != nil || l.State != nil || len(l.Events) > 0) {
			t.Errorf("a look-up of messages brings %+v", l)
		}
	}
}

func (t *test) messageFound() {
	st := t.open()
	m := owner(t, st)
	m.batch().command("m-0", "accounts-a", 0, 2).command("m-1", "accounts-a", 2, 2).send()
	m.batch().command("m-2", "accounts-b", 0, 2).send()
	found(t, st, "accounts-a", []message.ID{"m-1", "m-2", "m-0", "m"}, []message.Version{2, -1, 0, -1}, 2)
	found(t, st, "accounts-none", []message.ID{"m-1"}, []message.Version{-1}, 2)
}

func (t *test) messageBehind() {
	st := t.open()
	m := owner(t, st)
	m.batch().command("m-0", "accounts-a", 0, 2).command("m-1", "accounts-a", 2, 2).
		snapshot(store.Snapshot{Stream: "accounts-a", Version: 3, Data: []byte("{}")}).send()
	found(t, st, "accounts-a", []message.ID{"m-0", "m-1"}, []message.Version{0, 2}, 2)
	m.batch().deletion(store.TypeDeleted, "accounts-a", 4).command("m-2", "accounts-a", 5, 2).send()
	found(t, st, "accounts-a", []message.ID{"m-0", "m-1", "m-2"}, []message.Version{0, 2, 5}, 2)
	is[*store.DuplicateMessageError](t, m.batch().command("m-1", "accounts-a", 7, 1).refused())
}

// messageState looks messages up that a state-based aggregate has run: each
// moved the version by its events.
func (t *test) messageState() {
	st := t.open()
	m := owner(t, st)
	recent := []store.Processed{
		{MessageID: "m-0", Command: *command("m-0", 2)},
		{MessageID: "m-1", Command: *command("m-1", 2)},
	}
	m.batch().state(store.State{Stream: "carts-a", Expected: -1, Version: 6, Data: []byte("{}"), Recent: recent}).send()
	found(t, st, "carts-a", []message.ID{"m-1", "m-0", "m-2"}, []message.Version{5, 3, -1}, 2)
	m.batch().deletion(store.TypeDeleted, "carts-a", 7).send()
	found(t, st, "carts-a", []message.ID{"m-1", "m-0", "m-2"}, []message.Version{5, 3, -1}, 2)
}
