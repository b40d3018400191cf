package storetest

import (
	"errors"
	"fmt"
	"slices"

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
