package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// slots is the number of slots of the groups in this suite.
const slots = 16

// allSlots is every slot of a group.
func allSlots() []ring.Slot {
	all := make([]ring.Slot, slots)
	for i := range all {
		all[i] = ring.Slot(i)
	}
	return all
}

func slotOf(s message.Stream) ring.Slot { return ring.SlotOf(s, slots) }

// member is a member with one writer and its picture of the slots that it owns.
// It is for one goroutine at a time.
type member struct {
	t      tb
	s      store.Store
	id     store.MemberID
	w      store.Writer
	gen    store.Generation
	claims map[ring.Slot]store.Claim
}

// longLease is that of members whose death no test waits for.
const longLease = time.Hour

// joined joins a member and raises its writer to generation 1.
func joined(t tb, s store.Store, id store.MemberID, lease time.Duration) *member {
	t.Helper()
	m := &member{t: t, s: s, id: id, claims: map[ring.Slot]store.Claim{}}
	if _, err := s.Join(t.Context(), store.Member{ID: id, Address: "here:1", Writers: 1}, lease); err != nil {
		t.Fatalf("join as %s: %v", id, err)
	}
	m.reconnect(1)
	return m
}

// owner is a member that owns all slots.
func owner(t tb, s store.Store) *member {
	t.Helper()
	m := joined(t, s, "owner", longLease)
	m.acquire(allSlots()...)
	return m
}

// reconnect opens the writer anew at a generation.
func (m *member) reconnect(gen store.Generation) {
	m.t.Helper()
	w, err := m.s.Writer(m.t.Context(), m.id, 0)
	if err != nil {
		m.t.Fatalf("open the writer of %s: %v", m.id, err)
	}
	if err := w.Raise(m.t.Context(), gen); err != nil {
		m.t.Fatalf("raise the writer of %s to %d: %v", m.id, gen, err)
	}
	m.w, m.gen = w, gen
}

// acquire returns what the member got.
func (m *member) acquire(wanted ...ring.Slot) []store.Claim {
	m.t.Helper()
	claims, err := m.w.Acquire(m.t.Context(), wanted)
	if err != nil {
		m.t.Fatalf("%s acquires %v: %v", m.id, wanted, err)
	}
	for _, c := range claims {
		m.claims[c.Slot] = c
	}
	return claims
}

// all are the member's claims in the order of slots.
func (m *member) all() []store.Claim {
	var claims []store.Claim
	for _, slot := range slices.Sorted(maps.Keys(m.claims)) {
		claims = append(claims, m.claims[slot])
	}
	return claims
}

// batch is an append in the making; the heads move on once it is stored.
type batch struct {
	m     *member
	a     store.Append
	heads map[ring.Slot]store.Head
}

func (m *member) batch() *batch {
	return &batch{m: m, a: store.Append{Member: m.id, Gen: m.gen}, heads: map[ring.Slot]store.Head{}}
}

// claim adds the slot's claim, once.
func (b *batch) claim(slot ring.Slot) {
	if _, ok := b.heads[slot]; ok {
		return
	}
	c, ok := b.m.claims[slot]
	if !ok { // some tests want to see what a stranger is told
		c = store.Claim{Slot: slot, Epoch: 1, Head: store.Head{Offset: store.NoOffset}}
	}
	b.a.Claims = append(b.a.Claims, c)
	b.heads[slot] = c.Head
}

// add adds an event at the next offset of its slot.
func (b *batch) add(stream message.Stream, v message.Version, change ...func(*store.Event)) *batch {
	slot := slotOf(stream)
	b.claim(slot)
	e := store.Event{
		Stream: stream, Version: v, Slot: slot, Offset: b.heads[slot].Offset + 1, Epoch: b.claimed(slot).Epoch,
		Type: "happened", Schema: 3,
		Data:     fmt.Appendf(nil, `{"n":%d}`, v),
		Metadata: []byte(`{"by":"storetest"}`),
	}
	for _, c := range change {
		c(&e)
	}
	b.heads[slot] = store.Head{Offset: e.Offset, Epoch: e.Epoch}
	b.a.Events = append(b.a.Events, e)
	return b
}

func (b *batch) claimed(slot ring.Slot) store.Claim {
	i := slices.IndexFunc(b.a.Claims, func(c store.Claim) bool { return c.Slot == slot })
	return b.a.Claims[i]
}

// command adds the events of a command: from a version on, the first with its
// message id.
func (b *batch) command(id message.ID, stream message.Stream, from message.Version, events int) *batch {
	for i := range events {
		b.add(stream, from+message.Version(i), func(e *store.Event) {
			if i == 0 {
				e.MessageID, e.Command = id, command(id, events)
			}
		})
	}
	return b
}

// command is what is stored of a message.
func command(id message.ID, events int) *store.Command {
	c := &store.Command{
		Service:  "do_it",
		Request:  []byte(`{"id":"<` + string(id) + `>"}`),
		Response: []byte(`{"result":"ok","message":"` + string(id) + `"}`),
		Events:   events,
	}
	copy(c.Hash[:], id)
	return c
}

// deletion adds an event of type $deleted or $erased.
func (b *batch) deletion(kind string, stream message.Stream, v message.Version) *batch {
	return b.add(stream, v, func(e *store.Event) { e.Type = kind })
}

func (b *batch) state(st store.State) *batch {
	st.Slot = slotOf(st.Stream)
	b.claim(st.Slot)
	b.a.States = append(b.a.States, st)
	return b
}

func (b *batch) snapshot(sn store.Snapshot) *batch {
	b.claim(slotOf(sn.Stream))
	b.a.Snapshots = append(b.a.Snapshots, sn)
	return b
}

func (b *batch) alarm(al store.Alarm) *batch {
	al.Slot = slotOf(al.Stream)
	b.claim(al.Slot)
	b.a.Alarms = append(b.a.Alarms, al)
	return b
}

// try sends the append with a context.
func (b *batch) try(ctx context.Context) error {
	err := b.m.w.Append(ctx, &b.a)
	if err == nil {
		b.settle()
	}
	return err
}

// settle moves the member's heads on.
func (b *batch) settle() {
	for slot, head := range b.heads {
		c := b.m.claims[slot]
		c.Head = head
		b.m.claims[slot] = c
	}
}

// send sends an append that has to be stored.
func (b *batch) send() {
	b.m.t.Helper()
	if err := b.try(b.m.t.Context()); err != nil {
		b.m.t.Fatalf("append of %s: %v", b.m.id, err)
	}
}

// refused sends an append that has to be refused, and returns the error.
func (b *batch) refused() error {
	b.m.t.Helper()
	err := b.try(b.m.t.Context())
	if err == nil {
		b.m.t.Fatalf("append of %s was stored", b.m.id)
	}
	return err
}
