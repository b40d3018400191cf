package storetest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

func (t *test) appendVersions() {
	st := t.open()
	m := owner(t, st)
	first := m.batch().command("m-0", "accounts-a", 0, 3)
	first.send()
	second := m.batch().command("m-1", "accounts-a", 3, 1)
	second.send()
	sameEvents(t, stream(t, st, "accounts-a"), append(first.a.Events, second.a.Events...))
	sameEvents(t, log(t, st, slotOf("accounts-a")), append(first.a.Events, second.a.Events...))
}

func (t *test) appendConflict() {
	st := t.open()
	m := owner(t, st)
	m.batch().command("m-0", "accounts-a", 0, 3).send()
	for _, expected := range []message.Version{-1, 0, 1, 3, 40} {
		err := as[*store.VersionConflictError](t, m.batch().command("m-1", "accounts-a", expected+1, 2).refused())
		if err.Stream != "accounts-a" || err.Expected != expected || err.Current != 2 {
			t.Errorf("append on version %d is refused with %+v, the stream is at 2", expected, *err)
		}
	}
	err := as[*store.VersionConflictError](t, m.batch().add("accounts-none", 1).refused())
	if err.Current != message.NoVersion {
		t.Errorf("a stream without events is said to be at %d", err.Current)
	}
	if got := versions(logs(t, st)); got != "0 1 2" {
		t.Errorf("after refusals the logs hold versions %s", got)
	}
}

// appendFaults are appends that make no sense by themselves: an error, and
// nothing is stored.
func (t *test) appendFaults() {
	st := t.open()
	m := owner(t, st)
	for name, b := range map[string]*batch{
		"a gap in offsets":          m.batch().add("accounts-a", 0, func(e *store.Event) { e.Offset++ }),
		"another epoch":             m.batch().add("accounts-a", 0, func(e *store.Event) { e.Epoch++ }),
		"a gap in versions":         m.batch().add("accounts-a", 0).add("accounts-a", 2),
		"an id without its command": m.batch().add("accounts-a", 0, func(e *store.Event) { e.MessageID = "m" }),
		"a command without its id":  m.batch().add("accounts-a", 0, func(e *store.Event) { e.Command = command("m", 1) }),
		"a slot without a claim":    m.batch().add("accounts-a", 0, func(e *store.Event) { e.Slot = (e.Slot + 1) % slots }),
		"a snapshot by itself":      m.batch().add("accounts-a", 0).snapshot(store.Snapshot{Stream: "accounts-b", Version: 0}),
		"a state that stands still": m.batch().state(store.State{Stream: "carts-a", Expected: 3, Version: 3}),
	} {
		if err := b.try(t.Context()); err == nil {
			t.Errorf("%s: stored", name)
		}
	}
	twice := m.batch().add("accounts-a", 0)
	twice.a.Claims = append(twice.a.Claims, twice.a.Claims[0])
	if err := twice.try(t.Context()); err == nil {
		t.Error("a slot that is claimed twice: stored")
	}
	if n := len(logs(t, st)); n != 0 {
		t.Errorf("%d events were stored", n)
	}
}

// appendAllOrNothing refuses an append because of the last of its streams.
func (t *test) appendAllOrNothing() {
	st := t.open()
	m := owner(t, st)
	m.batch().command("m-0", "accounts-z", 0, 1).send()
	b := m.batch()
	for i := range 20 {
		b.command(message.ID(fmt.Sprint("n-", i)), message.Stream(fmt.Sprint("accounts-", i)), 0, 2)
	}
	is[*store.VersionConflictError](t, b.command("n-z", "accounts-z", 0, 1).refused())
	b = m.batch()
	for i := range 20 {
		b.command(message.ID(fmt.Sprint("n-", i)), message.Stream(fmt.Sprint("accounts-", i)), 0, 2)
	}
	is[*store.DuplicateMessageError](t, b.command("m-0", "accounts-z", 1, 1).refused())
	if n := len(logs(t, st)); n != 1 {
		t.Errorf("the logs hold %d events, want the first one", n)
	}
}

func (t *test) appendSeveral() {
	st := t.open()
	m := owner(t, st)
	want := map[ring.Slot][]store.Event{}
	for round := range message.Version(3) {
		b := m.batch()
		for i := range 50 {
			b.command(message.ID(fmt.Sprintf("m-%d-%d", round, i)), message.Stream(fmt.Sprint("accounts-", i)), 2*round, 2)
		}
		b.send()
		for _, e := range b.a.Events {
			want[e.Slot] = append(want[e.Slot], e)
		}
	}
	if len(want) < 2 {
		t.Fatalf("the streams are in %d slots", len(want))
	}
	for slot, events := range want {
		sameEvents(t, log(t, st, slot), events)
	}
}

func (t *test) appendBytes() {
	st := t.open()
	m := owner(t, st)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	big := bytes.Repeat([]byte("large \x00\xff"), 128<<10)
	b := m.batch()
	for i, data := range [][]byte{nil, {}, {0}, every, big, []byte("{\"a\": \"\\u0000 ' \\\" \xed\xa0\x80\"}")} {
		for _, enc := range []store.Encoding{store.JSON, store.Proto} {
			b.add("accounts-a", message.Version(2*i)+message.Version(enc), func(e *store.Event) {
				e.Data, e.Encoding = data, enc
				e.Type = "it's \"so\" – ✓"
			})
		}
	}
	b.add("accounts-a", 12, func(e *store.Event) {
		e.MessageID, e.Command = "'; DROP TABLE events; --", command("x", 1)
		e.Command.Request, e.Command.RequestEncoding = every, store.Proto
		e.Command.Response = []byte(`{"value": [1, 2.50, "<&>\u2028"]}`)
	})
	b.add("accounts-a", 13, func(e *store.Event) {
		e.MessageID, e.Command = message.ID(strings.Repeat("é", 127)), command("y", 1)
		e.Command.Request = nil // it was longer than is kept
	})
	b.send()
	sameEvents(t, stream(t, st, "accounts-a"), b.a.Events)
}

func (t *test) appendRecordedAt() {
	st := t.open()
	m := owner(t, st)
	before := must(st.Renew(t.Context(), m.id, longLease, false))(t, "renew").Now
	for v := range message.Version(20) {
		m.batch().add("accounts-a", v, func(e *store.Event) { e.RecordedAt = time.Unix(1, 0) }).send()
	}
	after := must(st.Renew(t.Context(), m.id, longLease, false))(t, "renew").Now
	for _, e := range log(t, st, slotOf("accounts-a")) {
		if e.RecordedAt.Before(before) || e.RecordedAt.After(after) {
			t.Fatalf("event %d was recorded at %s, between %s and %s of the store's clock", e.Version, e.RecordedAt, before, after)
		}
	}
}

// appendConcurrent has writers of several members append at once, each to its
// slots, while readers watch the logs grow.
func (t *test) appendConcurrent() {
	st := t.open()
	const members, rounds = 4, 25
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	for i := range members {
		m := joined(t, st, store.MemberID(fmt.Sprint("member-", i)), longLease)
		for slot := i; slot < slots; slot += members {
			m.acquire(ring.Slot(slot))
		}
		var mine []message.Stream
		for n := 0; len(mine) < 12; n++ {
			if name := message.Stream(fmt.Sprint("accounts-", n)); m.claims[slotOf(name)].Epoch != 0 {
				mine = append(mine, name)
			}
		}
		writers.Go(func() {
			for v := range message.Version(rounds) {
				b := m.batch()
				for k, name := range mine {
					b.command(message.ID(fmt.Sprintf("%s-%d-%d", m.id, v, k)), name, v, 1)
				}
				if err := b.try(t.Context()); err != nil {
					t.Errorf("append of %s: %v", m.id, err)
					return
				}
			}
		})
	}
	readers.Go(func() { watchLogs(t, st, stop) })
	writers.Wait()
	close(stop)
	readers.Wait()
	if n := len(logs(t, st)); n != members*rounds*12 {
		t.Errorf("the logs hold %d events, want %d", n, members*rounds*12)
	}
}

// watchLogs subscribes to all slots: what it has read to must never be missed.
func watchLogs(t tb, st store.Store, stop <-chan struct{}) {
	next := make([]store.Offset, slots)
	for done := false; !done; {
		select {
		case <-stop:
			done = true // and one last look
		default:
		}
		for slot := range next {
			events, err := st.ReadSlot(t.Context(), ring.Slot(slot), next[slot], 50)
			if err != nil {
				t.Errorf("read slot %d: %v", slot, err)
				return
			}
			for _, e := range events {
				if e.Offset != next[slot] {
					t.Errorf("slot %d: offset %d was read after %d", slot, e.Offset, next[slot]-1)
					return
				}
				next[slot]++
			}
		}
	}
}

// appendNeighbours lets many members append at once; those that share a
// transaction inside the store with a refused append are stored all the same.
func (t *test) appendNeighbours() {
	st := t.open()
	const members, rounds = 8, 15
	ready := make([]*member, members)
	name := func(i int) (s message.Stream) {
		for n := 0; ; n++ {
			if s = message.Stream(fmt.Sprint("accounts-", n)); slotOf(s) == ring.Slot(i) {
				return s
			}
		}
	}
	for i := range ready {
		ready[i] = joined(t, st, store.MemberID(fmt.Sprint("member-", i)), longLease)
		ready[i].acquire(ring.Slot(i))
		ready[i].batch().command("first", name(i), 0, 2).send()
	}
	for round := range rounds {
		var all sync.WaitGroup
		for i, m := range ready {
			v := message.Version(2 + round*2)
			all.Go(func() {
				if i%2 == 1 {
					if err := m.batch().command(message.ID(fmt.Sprint("m-", round)), name(i), v, 2).try(t.Context()); err != nil {
						t.Errorf("round %d: append of %s: %v", round, m.id, err)
					}
					return
				}
				b := m.batch().add(name(i), 2).command("first", name(i), 3, 2) // part of it goes in before it is refused
				if err := b.try(t.Context()); err == nil {
					t.Errorf("round %d: a repeat of %s was stored", round, m.id)
				}
			})
		}
		all.Wait()
	}
	for i := range ready {
		want := 2
		if i%2 == 1 {
			want += 2 * rounds
		}
		if n := len(log(t, st, ring.Slot(i))); n != want {
			t.Errorf("slot %d holds %d events, want %d", i, n, want)
		}
	}
}

func (t *test) appendPredecessor() {
	st := t.open()
	m := owner(t, st)
	m.batch().command("m-0", "accounts-a", 0, 3).send()
	m.acquire(allSlots()...) // epoch 2; the newest event is of epoch 1
	slot := slotOf("accounts-a")
	right := m.claims[slot]
	if right.Epoch != 2 || right.Head != (store.Head{Offset: 2, Epoch: 1}) {
		t.Fatalf("acquired again, the slot is claimed with %+v", right)
	}
	for name, c := range map[string]store.Claim{
		"predecessor missing":             {Slot: slot, Epoch: 2, Head: store.Head{Offset: 3, Epoch: 1}},
		"predecessor far off":             {Slot: slot, Epoch: 2, Head: store.Head{Offset: 30, Epoch: 2}},
		"predecessor of another epoch":    {Slot: slot, Epoch: 2, Head: store.Head{Offset: 2, Epoch: 2}},
		"predecessor that is not newest":  {Slot: slot, Epoch: 2, Head: store.Head{Offset: 1, Epoch: 1}},
		"none, although there are events": {Slot: slot, Epoch: 2, Head: store.Head{Offset: store.NoOffset}},
		"older epoch of the slot":         {Slot: slot, Epoch: 1, Head: right.Head},
		"newer epoch of the slot":         {Slot: slot, Epoch: 3, Head: right.Head},
	} {
		m.claims[slot] = c
		err := as[*store.StaleSlotError](t, m.batch().add("accounts-a", 3).refused())
		if len(err.Slots) != 1 || err.Slots[0] != slot {
			t.Errorf("%s: the error names slots %v, want %d", name, err.Slots, slot)
		}
	}
	m.claims[slot] = right
	for _, other := range allSlots() { // an empty slot has no predecessor
		if other != slot {
			m.claims[other] = store.Claim{Slot: other, Epoch: 2, Head: store.Head{Offset: 0, Epoch: 2}}
			b := m.batch().add("accounts-a", 3)
			b.claim(other)
			if err := as[*store.StaleSlotError](t, b.refused()); len(err.Slots) != 1 || err.Slots[0] != other {
				t.Errorf("a claim on events of an empty slot: the error names slots %v, want %d", err.Slots, other)
			}
			break
		}
	}
	m.batch().add("accounts-a", 3).send()
}
