package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// append builds an append that is mostly right.
func (m *model) append(r *rapid.T) {
	mm := m.pick(r)
	m.see(mm)
	b := mm.batch()
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(modelStreams), 1, 3, rapid.ID).Draw(r, "streams")
	for _, name := range names {
		if _, gone := m.lastDeletion(name); gone {
			continue // its owner refuses everything; stores do not look
		}
		v := m.version(name) + 1
		if rapid.IntRange(0, 9).Draw(r, "wrong version") == 0 {
			v = max(0, v+message.Version(rapid.SampledFrom([]int{-2, -1, 1}).Draw(r, "by")))
		}
		m.draw(r, b, name, v)
	}
	fault := rapid.IntRange(0, 19).Draw(r, "fault")
	if len(b.a.Claims) == 0 {
		return
	}
	switch fault {
	case 0:
		b.a.Gen--
	case 1:
		shift(&b.a, func(c *store.Claim) { c.Epoch++ })
	case 2:
		shift(&b.a, func(c *store.Claim) { c.Head.Offset++ })
	case 3:
		shift(&b.a, func(c *store.Claim) { c.Head.Epoch++ })
	}
	m.try(r, mm, b)
}

// draw adds what an append has for one stream.
func (m *model) draw(r *rapid.T, b *batch, name message.Stream, v message.Version) {
	kind, _, _ := name.Split()
	n := rapid.IntRange(1, 3).Draw(r, "events")
	id := message.ID(fmt.Sprint("m-", rapid.IntRange(0, 30).Draw(r, "message")))
	switch {
	case kind == "carts":
		b.state(store.State{Stream: name, Expected: v - 1, Version: v - 1 + message.Version(n), Data: []byte("{}"),
			Recent: []store.Processed{{MessageID: id, Command: *command(id, n)}}})
	case rapid.Bool().Draw(r, "with id"):
		b.command(id, name, v, n)
	default:
		for i := range n {
			b.add(name, v+message.Version(i))
		}
	}
	if rapid.IntRange(0, 4).Draw(r, "snapshot") == 0 {
		b.snapshot(store.Snapshot{Stream: name, Version: rapid.Custom(func(r *rapid.T) message.Version {
			return message.Version(rapid.Int64Range(0, int64(v)).Draw(r, "at"))
		}).Draw(r, "snapshot"), Data: []byte("[]")})
	}
	if rapid.IntRange(0, 4).Draw(r, "alarm") == 0 {
		b.alarm(store.Alarm{ID: fmt.Sprint("al-", rapid.IntRange(0, 5).Draw(r, "id")), Stream: name,
			DueAt: time.Unix(rapid.Int64Range(0, 9).Draw(r, "due"), 0).UTC(), Message: []byte("{}")})
	}
}

// shift changes the first claim, and the events that stand on it with it.
func shift(a *store.Append, change func(*store.Claim)) {
	before := a.Claims[0]
	change(&a.Claims[0])
	for i := range a.Events {
		if e := &a.Events[i]; e.Slot == before.Slot {
			e.Epoch += a.Claims[0].Epoch - before.Epoch
			e.Offset += a.Claims[0].Head.Offset - before.Head.Offset
		}
	}
}

// try sends an append and compares the outcome with what the model says.
func (m *model) try(r *rapid.T, mm *modelMember, b *batch) {
	err := mm.w.Append(r.Context(), &b.a)
	want := m.verdict(mm, &b.a)
	if (err == nil) != (want == nil) || err != nil && !m.agrees(err, want, &b.a) {
		r.Fatalf("append %+v: %v (%T), want %v", b.a, err, err, want)
	}
	if err == nil {
		m.apply(&b.a)
	}
}

// verdict is the refusal that comes first, nil for an append that is right.
func (m *model) verdict(mm *modelMember, a *store.Append) error {
	if mm.deposed || a.Gen != mm.gen {
		return &store.FencedError{}
	}
	stale := &store.StaleSlotError{}
	for _, c := range a.Claims {
		if s := m.slots[c.Slot]; s.owner != mm.id || s.epoch != c.Epoch || m.head(c.Slot) != c.Head {
			stale.Slots = append(stale.Slots, c.Slot)
		}
	}
	if len(stale.Slots) > 0 {
		return stale
	}
	first := map[message.Stream]message.Version{}
	for _, e := range a.Events {
		if e.MessageID != "" && m.holds(e.Stream, e.MessageID) {
			return &store.DuplicateMessageError{}
		}
		if _, ok := first[e.Stream]; !ok {
			first[e.Stream] = e.Version - 1
		}
	}
	for _, st := range a.States {
		first[st.Stream] = st.Expected
	}
	for name, expected := range first {
		if m.version(name) != expected {
			return &store.VersionConflictError{}
		}
	}
	return nil
}

// agrees says whether a refusal is of the right type and tells the truth.
func (m *model) agrees(err, want error, a *store.Append) bool {
	var fenced *store.FencedError
	var stale, wantStale *store.StaleSlotError
	var duplicate *store.DuplicateMessageError
	var conflict *store.VersionConflictError
	switch {
	case errors.As(err, &fenced):
		return errors.As(want, &fenced)
	case errors.As(err, &stale):
		slices.Sort(stale.Slots)
		if errors.As(want, &wantStale) {
			slices.Sort(wantStale.Slots)
		}
		return wantStale != nil && slices.Equal(stale.Slots, wantStale.Slots)
	case errors.As(err, &duplicate):
		return errors.As(want, new(*store.DuplicateMessageError)) && m.holds(duplicate.Stream, duplicate.MessageID)
	case errors.As(err, &conflict):
		return errors.As(want, new(*store.VersionConflictError)) && m.version(conflict.Stream) == conflict.Current && conflict.Expected != conflict.Current
	}
	return false
}

func (m *model) apply(a *store.Append) {
	m.log = append(m.log, a.Events...)
	for _, sn := range a.Snapshots {
		if old, ok := m.shots[sn.Stream]; !ok || old.Version <= sn.Version {
			m.shots[sn.Stream] = sn
		}
	}
	for _, st := range a.States {
		st.Expected = 0
		m.rows[st.Stream] = st
	}
	for _, al := range a.Alarms {
		m.alarms[al.ID] = al
	}
}
