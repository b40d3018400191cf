package storetest

import (
	"fmt"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

func (t *test) fenceGeneration() {
	st := t.open()
	m := owner(t, st)
	m.batch().add("accounts-a", 0).send()
	w := must(st.Writer(t.Context(), m.id, 0))(t, "writer")
	if err := w.Raise(t.Context(), 5); err != nil {
		t.Fatalf("raise to 5: %v", err)
	}
	for _, gen := range []store.Generation{0, 1, 4, 6} {
		b := m.batch().add("accounts-a", 1)
		b.a.Gen = gen
		if err := as[*store.FencedError](t, b.refused()); err.Member != m.id || err.Gen != gen {
			t.Errorf("generation %d is refused with %+v", gen, *err)
		}
	}
	for _, gen := range []store.Generation{1, 4, 5} { // the process counts: never twice, never back
		is[*store.FencedError](t, w.Raise(t.Context(), gen))
	}
	m.gen = 5
	m.batch().add("accounts-a", 1).send()
	if got := versions(logs(t, st)); got != "0 1" {
		t.Errorf("the logs hold %q", got)
	}
}

// load is a member that appends one event after the other until it is refused.
type load struct {
	fenced chan struct{}
	ended  chan error
}

// startLoad returns when some events are stored and the next are on their way.
func startLoad(t tb, m *member, name message.Stream) *load {
	t.Helper()
	l := &load{fenced: make(chan struct{}), ended: make(chan error, 1)}
	started := make(chan struct{})
	go func() {
		defer close(l.ended)
		for v, late := message.Version(0), 0; late < 20; v++ {
			if err := m.batch().add(name, v).try(t.Context()); err != nil {
				l.ended <- err
				return
			}
			select {
			case <-l.fenced:
				late++
			default:
			}
			if v == 2 {
				close(started)
			}
		}
	}()
	select {
	case <-started:
	case err := <-l.ended:
		t.Fatalf("append of %s: %v", m.id, err)
	}
	return l
}

// end says that the load was fenced off, and returns what it was refused with;
// nil if it goes on.
func (l *load) end() error {
	close(l.fenced)
	return <-l.ended
}

// fenceLate has appends of generation 1 on their way while the writer comes
// back with generation 2: what Raise has not waited for never gets in.
func (t *test) fenceLate() {
	st := t.open()
	for round := range 5 {
		m := joined(t, st, store.MemberID(fmt.Sprint("member-", round)), longLease)
		slot := ring.Slot(round)
		m.acquire(slot)
		name := message.Stream("")
		for n := 0; name == "" || slotOf(name) != slot; n++ {
			name = message.Stream(fmt.Sprint("accounts-", n))
		}
		old := *m // the old connection's view, its own claims
		old.claims = map[ring.Slot]store.Claim{slot: m.claims[slot]}
		l := startLoad(t, &old, name)
		m.reconnect(2)
		head := len(log(t, st, slot))
		is[*store.FencedError](t, l.end())
		if now := len(log(t, st, slot)); now != head {
			t.Fatalf("round %d: %d events were there after the raise, %d later", round, head, now)
		}
		m.claims[slot] = store.Claim{Slot: slot, Epoch: 1, Head: store.Head{Offset: store.Offset(head - 1), Epoch: 1}}
		m.batch().add(name, message.Version(head)).send()
	}
}

// fenceWriters raises one writer of a member; the other one goes on.
func (t *test) fenceWriters() {
	st := t.open()
	if _, err := st.Join(t.Context(), store.Member{ID: "two", Writers: 2}, longLease); err != nil {
		t.Fatal(err)
	}
	var w [2]store.Writer
	for i := range w {
		w[i] = must(st.Writer(t.Context(), "two", store.WriterID(i)))(t, "writer")
		if err := w[i].Raise(t.Context(), 1); err != nil {
			t.Fatalf("raise writer %d: %v", i, err)
		}
	}
	claims := must(w[0].Acquire(t.Context(), allSlots()))(t, "acquire")
	if err := w[1].Raise(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	a := &store.Append{Member: "two", Writer: 0, Gen: 1, Claims: claims}
	if err := w[0].Append(t.Context(), a); err != nil {
		t.Errorf("writer 0 at its generation: %v", err)
	}
	a = &store.Append{Member: "two", Writer: 1, Gen: 1, Claims: claims}
	is[*store.FencedError](t, w[1].Append(t.Context(), a))
	if third, err := st.Writer(t.Context(), "two", 2); err == nil { // it has no fence
		is[*store.FencedError](t, third.Raise(t.Context(), 1))
	}
}

func (t *test) fenceDeposed() {
	st := t.open()
	m := joined(t, st, "a", 0)
	m.acquire(allSlots()...)
	m.batch().add("accounts-a", 0).send()
	killed(t, st, m.id)
	is[*store.FencedError](t, m.batch().add("accounts-a", 1).refused())
	_, err := m.w.Acquire(t.Context(), []ring.Slot{1})
	is[*store.FencedError](t, err)
	is[*store.FencedError](t, m.w.Release(t.Context(), m.all()))
	is[*store.FencedError](t, m.w.Raise(t.Context(), 2))
	_, err = st.Renew(t.Context(), m.id, longLease, false)
	is[*store.FencedError](t, err)
	if got := versions(logs(t, st)); got != "0" {
		t.Errorf("the logs hold %q", got)
	}
	for _, row := range must(st.Slots(t.Context()))(t, "slots") {
		if row.Owner != m.id || row.Epoch != 1 {
			t.Errorf("a deposed member changed a slot: %+v", row)
		}
	}
}

func (t *test) fenceUnknown() {
	st := t.open()
	m := owner(t, st)
	b := m.batch().add("accounts-a", 0)
	b.a.Member = "nobody"
	is[*store.FencedError](t, b.refused())
	b = m.batch().add("accounts-a", 0)
	b.a.Writer = 7
	is[*store.FencedError](t, b.refused())
	w, err := st.Writer(t.Context(), "nobody", 0)
	if err == nil {
		err = w.Raise(t.Context(), 1)
	}
	is[*store.FencedError](t, err)
	_, err = st.Renew(t.Context(), "nobody", longLease, false)
	is[*store.FencedError](t, err)
	fresh := must(st.Writer(t.Context(), m.id, 0))(t, "writer")
	_, err = fresh.Acquire(t.Context(), []ring.Slot{0}) // before it raised
	is[*store.FencedError](t, err)
}

// fenceUnderLoad deposes a member that is appending, and adopts its slots: the
// head that the adopter is told is the last that the deposed one ever wrote.
func (t *test) fenceUnderLoad() {
	st := t.open()
	heir := joined(t, st, "heir", longLease)
	for round := range 5 {
		m := joined(t, st, store.MemberID(fmt.Sprint("member-", round)), 0)
		heirless := heir.all()
		if len(heirless) > 0 {
			if err := heir.w.Release(t.Context(), heirless); err != nil {
				t.Fatal(err)
			}
		}
		m.acquire(allSlots()...)
		name := message.Stream(fmt.Sprint("accounts-", round))
		l := startLoad(t, m, name)
		killed(t, st, m.id)
		claims := heir.acquire(allSlots()...)
		is[*store.FencedError](t, l.end())
		if len(claims) != slots {
			t.Fatalf("round %d: the heir got %d slots", round, len(claims))
		}
		for _, c := range claims {
			events := log(t, st, c.Slot)
			if c.Head.Offset != store.Offset(len(events)-1) {
				t.Fatalf("round %d: the heir was told head %d of slot %d, which has %d events", round, c.Head.Offset, c.Slot, len(events))
			}
		}
		heir.batch().add(name, message.Version(len(stream(t, st, name)))).send()
	}
}
