package storetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// rows are the slots' rows as text: slot=owner@epoch.
func rows(t tb, st store.Store) string {
	t.Helper()
	var text string
	for _, r := range must(st.Slots(t.Context()))(t, "slots") {
		text += fmt.Sprintf("%d=%s@%d ", r.Slot, r.Owner, r.Epoch)
	}
	return text
}

func taken(claims []store.Claim) (slots []ring.Slot) {
	for _, c := range claims {
		slots = append(slots, c.Slot)
	}
	return slots
}

func (t *test) acquire() {
	st := t.open()
	a, b := joined(t, st, "a", 0), joined(t, st, "b", longLease)
	if got := taken(a.acquire(3, 1, 1, 2)); !slices.Equal(got, []ring.Slot{1, 2, 3}) {
		t.Errorf("acquired %v, want 1, 2, 3", got)
	}
	if got := b.acquire(1, 2, 3); len(got) != 0 { // its owner lives, lease or not
		t.Errorf("acquired %+v from a member that is not deposed", got)
	}
	if got := b.acquire(); len(got) != 0 {
		t.Errorf("acquired %+v although nothing was asked for", got)
	}
	name := message.Stream("accounts-a")
	if a.acquire(slotOf(name)); a.claims[slotOf(name)].Head != (store.Head{Offset: store.NoOffset}) {
		t.Errorf("the head of an empty slot is %+v", a.claims[slotOf(name)].Head)
	}
	a.batch().command("m-0", name, 0, 4).send()
	before := a.claims[slotOf(name)]
	again := a.acquire(slotOf(name)) // one's own: a new term
	if want := (store.Claim{Slot: slotOf(name), Epoch: before.Epoch + 1, Head: before.Head}); len(again) != 1 || again[0] != want {
		t.Errorf("acquired again %+v, want %+v", again, want)
	}
	killed(t, st, "a")
	got := b.acquire(allSlots()...)
	if len(got) != slots {
		t.Fatalf("with everything free, %d slots were acquired", len(got))
	}
	for _, c := range got {
		want := store.Claim{Slot: c.Slot, Epoch: 1, Head: store.Head{Offset: store.NoOffset}}
		if c.Slot >= 1 && c.Slot <= 3 {
			want.Epoch = 2
		}
		if c.Slot == slotOf(name) {
			want.Epoch, want.Head = again[0].Epoch+1, store.Head{Offset: 3, Epoch: before.Epoch}
		}
		if c != want {
			t.Errorf("acquired %+v, want %+v", c, want)
		}
	}
	b.batch().add(name, 4).send()
	if events := log(t, st, slotOf(name)); events[4].Epoch != again[0].Epoch+1 {
		t.Errorf("the new owner's event has epoch %d", events[4].Epoch)
	}
}

// acquireRace lets members take the same slots at once, first free ones, then
// those of a deposed member, each in another order.
func (t *test) acquireRace() {
	st := t.open()
	const members = 4
	for round := range 6 {
		var heirs [members]*member
		for i := range heirs {
			heirs[i] = joined(t, st, store.MemberID(fmt.Sprintf("member-%d-%d", round, i)), 0)
		}
		var all sync.WaitGroup
		for i, m := range heirs {
			wanted := allSlots()
			if i%2 == 1 {
				slices.Reverse(wanted)
			}
			all.Go(func() {
				if claims, err := m.w.Acquire(t.Context(), wanted); err != nil {
					t.Errorf("%s acquires: %v", m.id, err)
				} else {
					for _, c := range claims {
						m.claims[c.Slot] = c
					}
				}
			})
		}
		all.Wait()
		owners := map[ring.Slot]store.MemberID{}
		for _, m := range heirs {
			for slot, c := range m.claims {
				if other, ok := owners[slot]; ok {
					t.Fatalf("round %d: %s and %s both acquired slot %d", round, other, m.id, slot)
				}
				if owners[slot] = m.id; c.Epoch != store.Epoch(round+1) {
					t.Fatalf("round %d: slot %d was acquired at epoch %d", round, slot, c.Epoch)
				}
			}
		}
		for _, r := range must(st.Slots(t.Context()))(t, "slots") {
			if owners[r.Slot] != r.Owner || r.Owner == "" {
				t.Fatalf("round %d: slot %d belongs to %q, %q was told so", round, r.Slot, r.Owner, owners[r.Slot])
			}
		}
		if len(owners) != slots {
			t.Fatalf("round %d: %d slots found an owner", round, len(owners))
		}
		for _, m := range heirs {
			killed(t, st, m.id)
		}
	}
}

func (t *test) release() {
	st := t.open()
	a, b := joined(t, st, "a", longLease), joined(t, st, "b", longLease)
	a.acquire(1, 2)
	a.acquire(2)
	b.acquire(3)
	wrong := []store.Claim{
		{Slot: 1, Epoch: 2}, {Slot: 2, Epoch: 1}, // another epoch
		{Slot: 3, Epoch: 1}, // another owner
		{Slot: 9, Epoch: 1}, // never acquired
	}
	if err := a.w.Release(t.Context(), wrong); err != nil {
		t.Fatalf("release: %v", err)
	}
	if got := rows(t, st); got != "1=a@1 2=a@2 3=b@1 " {
		t.Fatalf("a release of what is not owned leaves %s", got)
	}
	if err := a.w.Release(t.Context(), []store.Claim{wrong[0], {Slot: 2, Epoch: 2}, wrong[2]}); err != nil {
		t.Fatalf("release: %v", err)
	}
	if got := rows(t, st); got != "1=a@1 2=@2 3=b@1 " {
		t.Fatalf("a release of slot 2 leaves %s", got)
	}
	if got := b.acquire(1, 2, 3); !slices.Equal(taken(got), []ring.Slot{2, 3}) || got[0].Epoch != 3 || got[1].Epoch != 2 {
		t.Errorf("acquired %+v, want the free slot 2 and its own slot 3", got)
	}
}

// releaseFenced has a release, and an append behind it, come late.
func (t *test) releaseFenced() {
	st := t.open()
	a, b := joined(t, st, "a", longLease), joined(t, st, "b", longLease)
	name := message.Stream("accounts-a")
	slot := slotOf(name)
	a.acquire(slot)
	a.batch().add(name, 0).send()
	old := a.w
	a.reconnect(2)
	is[*store.FencedError](t, old.Release(t.Context(), a.all()))
	if got := rows(t, st); got != fmt.Sprintf("%d=a@1 ", slot) {
		t.Fatalf("a release of an older generation leaves %s", got)
	}
	if err := a.w.Release(t.Context(), a.all()); err != nil {
		t.Fatal(err)
	}
	err := as[*store.StaleSlotError](t, a.batch().add(name, 1).refused()) // nobody owns it
	if len(err.Slots) != 1 || err.Slots[0] != slot {
		t.Errorf("an append behind the release is refused with %+v", *err)
	}
	b.acquire(slot)
	is[*store.StaleSlotError](t, a.batch().add(name, 1).refused()) // another one does
	b.batch().add(name, 1).send()
	is[*store.StaleSlotError](t, a.batch().add(name, 2).refused())
	if got := versions(log(t, st, slot)); got != "0 1" {
		t.Errorf("the log holds %q", got)
	}
}

func (t *test) verify() {
	st := t.open()
	a, b := joined(t, st, "a", longLease), joined(t, st, "b", longLease)
	name := message.Stream("accounts-a")
	slot := slotOf(name)
	others := slices.DeleteFunc(allSlots(), func(s ring.Slot) bool { return s == slot })
	a.acquire(slot, others[0], others[1])
	b.acquire(others[2])
	a.batch().add(name, 0).add(name, 1).send()
	if got := must(a.w.Verify(t.Context(), a.all()))(t, "verify"); len(got) != 0 {
		t.Errorf("of the right claims, %+v are wrong", got)
	}
	right := a.claims[others[1]]
	wrong := []store.Claim{
		{Slot: slot, Epoch: 1, Head: store.Head{Offset: 0, Epoch: 1}},
		{Slot: others[0], Epoch: 2, Head: store.Head{Offset: store.NoOffset}},
		{Slot: others[2], Epoch: 1, Head: store.Head{Offset: store.NoOffset}},
		{Slot: others[3], Epoch: 1, Head: store.Head{Offset: store.NoOffset}},
	}
	got := must(a.w.Verify(t.Context(), append([]store.Claim{right}, wrong...)))(t, "verify")
	byNumber := func(x, y store.Claim) int { return int(x.Slot) - int(y.Slot) }
	slices.SortFunc(got, byNumber)
	slices.SortFunc(wrong, byNumber)
	if !slices.Equal(got, wrong) {
		t.Errorf("the wrong claims are %+v, want %+v", got, wrong)
	}
}
