package storetest

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// compareSome compares a stream and a slot after each step.
func (m *model) compareSome(r *rapid.T) {
	m.compareStream(r, modelStreams[len(m.log)%len(modelStreams)])
	m.compareSlot(r, ring.Slot(len(m.log)%slots))
}

func (m *model) compareAll(r *rapid.T) {
	for _, slot := range allSlots() {
		m.compareSlot(r, slot)
	}
	for _, name := range modelStreams {
		m.compareStream(r, name)
	}
	m.compareList(r)
	for _, row := range must(m.st.Slots(r.Context()))(r, "slots") {
		if s := m.slots[row.Slot]; row.Owner != s.owner || row.Epoch != s.epoch {
			r.Fatalf("slot %+v, want %+v", row, s)
		}
	}
	pending := must(m.st.PendingErasures(r.Context(), 99))(r, "pending")
	if len(pending) != len(m.erased) || slices.ContainsFunc(pending, func(s message.Stream) bool { return !m.erased[s] }) {
		r.Fatalf("erasures are pending for %q, want %v", pending, m.erased)
	}
	m.compareAlarms(r)
}

// unblanked filters out what Erase may or may not have blanked by now.
func (m *model) unblanked(events []store.Event) (kept []store.Event) {
	for _, e := range events {
		if m.erased[e.Stream] {
			e.Data, e.Metadata, e.Command = nil, nil, nil
		}
		kept = append(kept, e)
	}
	return kept
}

func (m *model) compareSlot(r *rapid.T, slot ring.Slot) {
	var want []store.Event
	for _, e := range m.log {
		if e.Slot == slot {
			want = append(want, e)
		}
	}
	sameEvents(r, m.unblanked(log(r, m.st, slot)), m.unblanked(want))
}

func (m *model) compareStream(r *rapid.T, name message.Stream) {
	var all []store.Event
	for _, e := range m.log {
		if e.Stream == name {
			all = append(all, e)
		}
	}
	sameEvents(r, m.unblanked(stream(r, m.st, name)), m.unblanked(all))
	deleted, erased := m.lastDeletion(name)
	l := loadOne(r, m.st, name, "m-3")
	if l.Deleted != deleted || l.Erased != erased {
		r.Fatalf("%s loads with deletion %d, %v, want %d, %v", name, l.Deleted, l.Erased, deleted, erased)
	}
	if erased {
		if l.Snapshot != nil || l.State != nil || len(l.Events) > 0 || l.Commands[0] != nil {
			r.Fatalf("erased, %s loads as %+v", name, l)
		}
		return
	}
	from := deleted
	if sn, ok := m.shots[name]; ok && sn.Version > deleted {
		from = sn.Version
		if l.Snapshot == nil || !reflect.DeepEqual(*l.Snapshot, sn) {
			r.Fatalf("%s loads with snapshot %+v, want %+v", name, l.Snapshot, sn)
		}
	} else if l.Snapshot != nil {
		r.Fatalf("%s loads with snapshot %+v, want none", name, l.Snapshot)
	}
	if st, ok := m.rows[name]; ok != (l.State != nil) || ok && !reflect.DeepEqual(*l.State, st) {
		r.Fatalf("%s loads with state %+v, want %+v", name, l.State, st)
	}
	sameEvents(r, l.Events, slices.DeleteFunc(slices.Clone(all), func(e store.Event) bool { return e.Version <= from }))
	known := m.holds(name, "m-3") || l.State != nil && l.State.Find("m-3") != nil
	if (l.Commands[0] != nil) != known {
		r.Fatalf("message m-3 of %s is answered by %+v", name, l.Commands[0])
	}
}

func (m *model) compareList(r *rapid.T) {
	var want []store.StreamInfo
	for _, name := range modelStreams {
		if v := m.version(name); v != message.NoVersion {
			at, erased := m.lastDeletion(name)
			want = append(want, store.StreamInfo{Stream: name, Version: v, Deleted: at == v, Erased: erased})
		}
	}
	slices.SortFunc(want, func(a, b store.StreamInfo) int { return cmp.Compare(a.Stream, b.Stream) })
	got := must(m.st.ListStreams(r.Context(), store.StreamQuery{Limit: 99}))(r, "list")
	if !slices.Equal(got, want) {
		r.Fatalf("the list is %+v, want %+v", got, want)
	}
}

func (m *model) compareAlarms(r *rapid.T) {
	var want []store.Alarm
	for _, al := range m.alarms {
		want = append(want, al)
	}
	slices.SortFunc(want, func(a, b store.Alarm) int { return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID)) })
	pending := func(al store.Alarm) bool { return m.erased[al.Stream] }
	got := must(m.st.Alarms(r.Context(), allSlots(), time.Unix(99, 0), 99))(r, "alarms")
	got, want = slices.DeleteFunc(got, pending), slices.DeleteFunc(want, pending)
	if len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
		r.Fatalf("the alarms are %+v, want %+v", got, want)
	}
}
