package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// model says what a store has to hold, in the plainest form: lists that are
// filtered. It is driven beside a store, step by step.
type model struct {
	st      store.Store
	members []*modelMember
	slots   [slots]modelSlot
	log     []store.Event // of all slots, in the order of appends
	rows    map[message.Stream]store.State
	shots   map[message.Stream]store.Snapshot
	alarms  map[string]store.Alarm
	erased  map[message.Stream]bool // still to be blanked
}

type modelMember struct {
	*member
	deposed bool
}

type modelSlot struct {
	owner store.MemberID
	epoch store.Epoch
}

var modelStreams = []message.Stream{"accounts-a", "accounts-b", "accounts-ä %", "carts-a", "carts-_", "x-1"}

// model runs random operations, right and wrong ones, and compares the store
// with the model after each.
func (t *test) model() {
	rapid.Check(t.T, func(r *rapid.T) {
		st := must(t.Open(r.Context(), t.Locate(t.T)))(r, "open")
		defer func() {
			if err := st.Close(); err != nil {
				r.Errorf("close: %v", err)
			}
		}()
		m := &model{st: st, rows: map[message.Stream]store.State{}, shots: map[message.Stream]store.Snapshot{},
			alarms: map[string]store.Alarm{}, erased: map[message.Stream]bool{}}
		m.newMember(r)
		m.newMember(r)
		m.acquireAll(r, m.members[0])
		r.Repeat(map[string]func(*rapid.T){
			"append":      m.append,
			"append more": m.append, // it is what matters most
			"delete":      m.delete,
			"erase":       m.erase,
			"acquire":     m.acquire,
			"release":     m.release,
			"reconnect":   m.reconnect,
			"replace":     m.replace,
			"":            m.compareSome,
		})
		m.compareAll(r)
	})
}

func (m *model) newMember(r *rapid.T) {
	id := store.MemberID(fmt.Sprint("member-", len(m.members)))
	m.members = append(m.members, &modelMember{member: joined(r, m.st, id, 0)})
}

// pick draws a member, and lets it report to this step's test.
func (m *model) pick(r *rapid.T) *modelMember {
	mm := rapid.SampledFrom(m.members).Draw(r, "member")
	mm.t = r
	return mm
}

// see gives a member the right picture of all slots, whether it owns them or not.
func (m *model) see(mm *modelMember) {
	for i := range m.slots {
		slot := ring.Slot(i)
		mm.claims[slot] = store.Claim{Slot: slot, Epoch: m.slots[i].epoch, Head: m.head(slot)}
	}
}

func (m *model) head(slot ring.Slot) store.Head {
	h := store.Head{Offset: store.NoOffset}
	for _, e := range m.log {
		if e.Slot == slot {
			h = store.Head{Offset: e.Offset, Epoch: e.Epoch}
		}
	}
	return h
}

// version is that of the newest event or of the state.
func (m *model) version(name message.Stream) message.Version {
	v := message.NoVersion
	for _, e := range m.log {
		if e.Stream == name {
			v = max(v, e.Version)
		}
	}
	if st, ok := m.rows[name]; ok {
		v = max(v, st.Version)
	}
	return v
}

func (m *model) holds(name message.Stream, id message.ID) bool {
	return slices.ContainsFunc(m.log, func(e store.Event) bool { return e.Stream == name && e.MessageID == id })
}

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

// delete ends a stream, softly or for ever.
func (m *model) delete(r *rapid.T) {
	mm := m.pick(r)
	m.see(mm)
	name := rapid.SampledFrom(modelStreams).Draw(r, "stream")
	kind := rapid.SampledFrom([]string{store.TypeDeleted, store.TypeDeleted, store.TypeErased}).Draw(r, "type")
	if _, gone := m.lastDeletion(name); gone {
		return
	}
	b := mm.batch().deletion(kind, name, m.version(name)+1)
	if m.verdict(mm, &b.a) == nil && kind == store.TypeErased {
		m.erased[name] = true
	}
	m.try(r, mm, b)
}

func (m *model) lastDeletion(name message.Stream) (at message.Version, erased bool) {
	at = message.NoVersion
	for _, e := range m.log {
		if e.Stream == name && (e.Type == store.TypeDeleted || e.Type == store.TypeErased) {
			at, erased = e.Version, e.Type == store.TypeErased
		}
	}
	return at, erased
}

func (m *model) erase(r *rapid.T) {
	name := rapid.SampledFrom(modelStreams).Draw(r, "stream")
	done, err := m.st.Erase(r.Context(), name, rapid.IntRange(1, 4).Draw(r, "limit"))
	_, erased := m.lastDeletion(name)
	if !erased {
		if !errors.Is(err, store.ErrNotErased) {
			r.Fatalf("erase of %s, which is not erased: %v", name, err)
		}
		return
	}
	if err != nil {
		r.Fatalf("erase %s: %v", name, err)
	}
	if done {
		m.blank(name)
	}
}

func (m *model) blank(name message.Stream) {
	delete(m.erased, name)
	delete(m.rows, name)
	delete(m.shots, name)
	for id, al := range m.alarms {
		if al.Stream == name {
			delete(m.alarms, id)
		}
	}
	for i := range m.log {
		if e := &m.log[i]; e.Stream == name {
			e.Data, e.Metadata, e.Command = nil, nil, nil
		}
	}
}

func (m *model) acquire(r *rapid.T) {
	mm := m.pick(r)
	m.acquireSome(r, mm, rapid.SliceOfN(rapid.Custom(func(r *rapid.T) ring.Slot {
		return ring.Slot(rapid.IntRange(0, slots-1).Draw(r, "slot"))
	}), 0, slots).Draw(r, "slots"))
}

func (m *model) acquireAll(r *rapid.T, mm *modelMember) {
	mm.t = r
	m.acquireSome(r, mm, allSlots())
}

func (m *model) acquireSome(r *rapid.T, mm *modelMember, wanted []ring.Slot) {
	claims, err := mm.w.Acquire(r.Context(), wanted)
	if mm.deposed {
		is[*store.FencedError](r, err)
		return
	}
	var want []store.Claim
	slices.Sort(wanted)
	for _, slot := range slices.Compact(wanted) {
		s := &m.slots[slot]
		if s.owner != "" && s.owner != mm.id && !m.isDeposed(s.owner) {
			continue
		}
		s.owner = mm.id
		s.epoch++
		want = append(want, store.Claim{Slot: slot, Epoch: s.epoch, Head: m.head(slot)})
	}
	if err != nil || !slices.Equal(claims, want) {
		r.Fatalf("%s acquired %+v, %v, want %+v", mm.id, claims, err, want)
	}
}

func (m *model) isDeposed(id store.MemberID) bool {
	i := slices.IndexFunc(m.members, func(mm *modelMember) bool { return mm.id == id })
	return m.members[i].deposed
}

func (m *model) release(r *rapid.T) {
	mm := m.pick(r)
	m.see(mm)
	claims := rapid.SliceOfNDistinct(rapid.SampledFrom(mm.all()), 0, 4, func(c store.Claim) ring.Slot { return c.Slot }).Draw(r, "claims")
	if len(claims) > 0 && rapid.IntRange(0, 3).Draw(r, "fault") == 0 {
		claims[0].Epoch--
	}
	err := mm.w.Release(r.Context(), claims)
	if mm.deposed {
		is[*store.FencedError](r, err)
		return
	}
	if err != nil {
		r.Fatalf("release: %v", err)
	}
	for _, c := range claims {
		if s := &m.slots[c.Slot]; s.owner == mm.id && s.epoch == c.Epoch {
			s.owner = ""
		}
	}
}

// reconnect raises a writer's generation.
func (m *model) reconnect(r *rapid.T) {
	mm := m.pick(r)
	w := must(m.st.Writer(r.Context(), mm.id, 0))(r, "writer")
	gen := mm.gen + store.Generation(rapid.IntRange(0, 2).Draw(r, "by"))
	err := w.Raise(r.Context(), gen)
	if mm.deposed || gen == mm.gen {
		is[*store.FencedError](r, err)
		return
	}
	if err != nil {
		r.Fatalf("raise to %d: %v", gen, err)
	}
	mm.w, mm.gen = w, gen
}

// replace deposes a member; a new one comes.
func (m *model) replace(r *rapid.T) {
	if len(m.members) >= 5 {
		return
	}
	mm := m.pick(r)
	killed(r, m.st, mm.id)
	mm.deposed = true
	m.newMember(r)
}

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
