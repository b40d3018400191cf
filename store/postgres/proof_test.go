package postgres

import (
	"errors"
	"testing"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// TestProvedOnce: a session looks a slot and a stream up once.
func TestProvedOnce(t *testing.T) {
	m := newTestMember(t, openTest(t, Config{URL: pgtest.URL(t)}), "a", 3, 0)
	w := m.w.(*writer)
	for v := range message.Version(3) {
		m.mustAppend("accounts-a", v, "{}")
		if looked := len(w.proof.wanted) + len(w.proof.built); looked != 2 && v == 0 || looked != 0 && v > 0 {
			t.Errorf("version %d: %d slots and %d streams were looked up", v, len(w.proof.wanted), len(w.proof.built))
		}
	}
	m.mustAppend("accounts-b", 0, "{}")
	if len(w.proof.wanted) != 0 || len(w.proof.built) != 1 {
		t.Errorf("of a new stream %d slots and %d streams were looked up", len(w.proof.wanted), len(w.proof.built))
	}
}

// TestProofIsCompared: what a session has proved is no proof of anything else.
func TestProofIsCompared(t *testing.T) {
	m := newTestMember(t, openTest(t, Config{URL: pgtest.URL(t)}), "a", 3, 0)
	v := message.Version(-1)
	prove := func() { // a refusal makes the session forget
		t.Helper()
		v++
		m.mustAppend("accounts-a", v, "{}")
	}
	prove()
	prove()
	held := m.claim
	for name, claim := range map[string]store.Claim{
		"another slot":   {Slot: 4, Epoch: 1, Head: store.Head{Offset: store.NoOffset}},
		"another epoch":  {Slot: 3, Epoch: 2, Head: held.Head},
		"a higher head":  {Slot: 3, Epoch: 1, Head: store.Head{Offset: held.Head.Offset + 40, Epoch: 1}},
		"a lower head":   {Slot: 3, Epoch: 1, Head: store.Head{Offset: 0, Epoch: 1}},
		"a head's epoch": {Slot: 3, Epoch: 1, Head: store.Head{Offset: held.Head.Offset, Epoch: 0}},
	} {
		held = m.claim
		if claim.Slot == 3 && claim.Head.Offset > 0 {
			claim.Head.Offset += store.Offset(v - 1)
		}
		m.claim = claim
		if err, stale := m.append("accounts-a", v+1, "{}"), new(store.StaleSlotError); !errors.As(err, &stale) || len(stale.Slots) != 1 || stale.Slots[0] != claim.Slot {
			t.Errorf("%s: the append ends with %v", name, err)
		}
		m.claim = held
		prove()
	}
	for _, ahead := range []message.Version{0, 2, 40, -v} {
		version := v + ahead
		if err, conflict := m.append("accounts-a", version, "{}"), new(store.VersionConflictError); !errors.As(err, &conflict) || conflict.Current != v {
			t.Errorf("version %d behind %d: the append ends with %v", version, v, err)
		}
		prove()
	}
}

// TestProofOfAState: a state moves the version of its stream past what the session
// has proved of its events.
func TestProofOfAState(t *testing.T) {
	m := newTestMember(t, openTest(t, Config{URL: pgtest.URL(t)}), "a", 3, 0)
	m.mustAppend("carts-a", 0, "{}") // such as a deletion
	moved := &store.Append{Member: m.id, Gen: m.gen, Claims: []store.Claim{m.claim},
		States: []store.State{{Stream: "carts-a", Slot: 3, Expected: 0, Version: 5, Data: []byte("{}")}}}
	if err := m.w.Append(t.Context(), moved); err != nil {
		t.Fatal(err)
	}
	conflict := new(store.VersionConflictError)
	if err := m.append("carts-a", 1, "{}"); !errors.As(err, &conflict) || conflict.Current != 5 {
		t.Errorf("an event behind version 0 of a state at version 5 ends with %v", err)
	}
	m.mustAppend("carts-a", 6, "{}")
}

// TestProofOfAnotherSession: if something on the way gives the connection another
// session of the server, what the first one has proved is proved anew.
func TestProofOfAnotherSession(t *testing.T) {
	m := newTestMember(t, openTest(t, Config{URL: pgtest.URL(t)}), "a", 3, 0)
	m.mustAppend("accounts-a", 0, "{}")
	w := m.w.(*writer)
	run(t, w.session.conn, `SET ringhold.session = 'another'`)
	w.proof.claims[3] = store.Claim{Slot: 3, Epoch: 7, Head: m.claim.Head} // what that session does not bear out
	held := m.claim
	m.claim.Epoch = 7
	err := m.append("accounts-a", 1, "{}")
	if stale := new(store.StaleSlotError); !errors.As(err, &stale) {
		t.Fatalf("it answers %v", err)
	}
	m.claim = held
	m.mustAppend("accounts-a", 1, "{}")
	if len(w.proof.wanted) != 1 || len(w.proof.built) != 1 {
		t.Errorf("%d slots and %d streams were looked up, want one of each", len(w.proof.wanted), len(w.proof.built))
	}
}

// TestProofEndsWithTheSlot: a slot that another writer of the member has taken,
// or given up, is not what the first one's session has proved.
func TestProofEndsWithTheSlot(t *testing.T) {
	for name, move := range map[string]func(w store.Writer, c store.Claim) error{
		"taken": func(w store.Writer, c store.Claim) error {
			_, err := w.Acquire(t.Context(), []ring.Slot{c.Slot})
			return err
		},
		"given up": func(w store.Writer, c store.Claim) error { return w.Release(t.Context(), []store.Claim{c}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, Config{URL: pgtest.URL(t)})
			if _, err := s.Join(t.Context(), store.Member{ID: "a", Writers: 2}, 0); err != nil {
				t.Fatal(err)
			}
			var w [2]store.Writer
			for i := range w {
				var err error
				if w[i], err = s.Writer(t.Context(), "a", store.WriterID(i)); err != nil {
					t.Fatal(err)
				}
				if err := w[i].Raise(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
			}
			claims, err := w[0].Acquire(t.Context(), []ring.Slot{3, 4})
			if err != nil {
				t.Fatal(err)
			}
			m := &testMember{t: t, w: w[0], id: "a", gen: 1, claim: claims[0]}
			m.mustAppend("accounts-a", 0, "{}")
			if err := move(w[1], m.claim); err != nil {
				t.Fatal(err)
			}
			err = m.append("accounts-a", 1, "{}")
			if stale := new(store.StaleSlotError); !errors.As(err, &stale) || len(stale.Slots) != 1 || stale.Slots[0] != 3 {
				t.Errorf("the append with the old claim answers %v", err)
			}
			m.claim = claims[1] // which did not move
			m.mustAppend("accounts-b", 0, "{}")
		})
	}
}

// TestProofKeepsTime: the time of a slot does not fall although the session
// reads no event any more.
func TestProofKeepsTime(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	m := newTestMember(t, s, "a", 3, 0)
	m.mustAppend("accounts-a", 0, "{}")
	run(t, raw(t, s), `UPDATE events SET recorded_at = recorded_at + interval '1 hour'`) // as written before a clock was set back
	m.raise(2)
	for v := range message.Version(3) {
		m.mustAppend("accounts-a", v+1, "{}")
	}
	events, err := s.ReadSlot(t.Context(), 3, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(events); i++ {
		if events[i].RecordedAt.Before(events[i-1].RecordedAt) {
			t.Errorf("the time falls from %s to %s", events[i-1].RecordedAt, events[i].RecordedAt)
		}
	}
	if len(events) != 4 {
		t.Errorf("%d events", len(events))
	}
}

// TestProofIsBounded: streams beyond the bound are looked up anew.
func TestProofIsBounded(t *testing.T) {
	p := newProof()
	for i := range 3 * maxStreams {
		a := &store.Append{Events: []store.Event{{Stream: message.Stream("accounts-" + string(rune('a'+i%26)) + string(rune(0x4e00+i/26))), Version: 4}}}
		p.plan(a)
		p.stored(a, 1, 1)
	}
	if len(p.streams) > maxStreams+1 {
		t.Errorf("%d streams are kept", len(p.streams))
	}
}
