package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// deposed deposes a member whose lease is over.
func deposed(t *testing.T, s *Store, m store.MemberID) {
	t.Helper()
	ok, err := s.Depose(t.Context(), store.Depose{Member: m, Estimate: time.Now().Add(time.Hour), Incarnation: incarnation(t, s)})
	if err != nil || !ok {
		t.Fatalf("deposing %s ends with %t, %v", m, ok, err)
	}
}

func reaped(t *testing.T, s *Store, want int) {
	t.Helper()
	if n, err := s.Reap(t.Context(), 0); err != nil || n != want {
		t.Errorf("%d members were reaped, %v, want %d", n, err, want)
	}
}

// TestReapedHalfSent has an append, an acquisition and a raised generation arrive of
// which the half was on its way when their member was deposed and reaped (H2, H20).
func TestReapedHalfSent(t *testing.T) {
	direct, through, proxy := proxied(t)
	watch := raw(t, direct)
	heir := newTestMember(t, direct, "heir", 15, time.Hour)
	ended := func(pid uint32) {
		t.Helper()
		eventually(t, watch, "the session of the one who was reaped ended", fmt.Sprintf(`SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = %d)`, pid))
	}
	for i, n := range []int{0, 1, 200, 600} {
		slot := ring.Slot(i)
		m := newTestMember(t, through, store.MemberID(fmt.Sprint("m-", i)), slot, 0)
		mark := fmt.Sprintf("mark-%d", i)
		proxy.Only(mark)
		pid := stuck(t, m, proxy.StallAfter, n, mark)
		deposed(t, direct, m.id)
		if _, err := heir.w.Acquire(t.Context(), []ring.Slot{slot}); err != nil {
			t.Fatal(err)
		}
		reaped(t, direct, 1)
		proxy.Resume()
		ended(pid)
		if got := stored(t, direct, slot); got != 0 {
			t.Errorf("%d bytes of an append of a member that was reaped stored %d events", n, got)
		}
	}
	for name, ask := range map[string]func(m *testMember) error{
		"free": func(m *testMember) error {
			_, err := m.w.Acquire(context.WithoutCancel(t.Context()), []ring.Slot{9})
			return err
		},
		"back": func(m *testMember) error { return m.w.Raise(context.WithoutCancel(t.Context()), 2) },
	} {
		m := newTestMember(t, through, store.MemberID("wants-"+name), 8, 0)
		if err := m.w.Release(t.Context(), []store.Claim{m.claim}); err != nil {
			t.Fatal(err)
		}
		pid := m.w.(*writer).session.conn.PID()
		proxy.Only("wants-" + name)
		met := proxy.StallAfter(0)
		err := ask(m)
		if !errors.As(err, new(*store.UnknownOutcomeError)) {
			t.Fatalf("%s: what has no answer ends with %v", name, err)
		}
		<-met
		deposed(t, direct, m.id)
		reaped(t, direct, 1)
		proxy.Resume()
		ended(pid)
	}
	for _, r := range run(t, watch, `SELECT s.slot, s.owner FROM slots AS s WHERE s.owner <> 'heir'`) {
		t.Errorf("slot %s belongs to %s, who was reaped", r[0], r[1])
	}
	if rows := run(t, watch, `SELECT member FROM fences WHERE member <> 'heir' AND member NOT LIKE 'asks-%'`); len(rows) != 0 {
		t.Errorf("members that were reaped have fences: %q", rows)
	}
}

// TestReapMeetsAcquire lets reaping meet an acquisition of the same member, one of
// them waiting for the other: it is not reaped, or it does not acquire.
func TestReapMeetsAcquire(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	heir := newTestMember(t, s, "heir", 15, time.Hour)
	in := incarnation(t, s)
	first := raw(t, s)
	depose := func(m string) string {
		return fmt.Sprintf(`SELECT depose_v1('%s', '%s', 0, now() + interval '1 hour', '%s')`, testGroup, m, in)
	}
	acquire := func(m string) string { return fmt.Sprintf(`SELECT acquire_v1('%s', '%s', 0, 1, '{7}')`, testGroup, m) }

	newTestMember(t, s, "a", 0, 0)
	run(t, first, `BEGIN; `+acquire("a"))
	gone := behind(t, s, depose("a"))
	if _, err := heir.w.Acquire(t.Context(), []ring.Slot{0}); err != nil {
		t.Fatal(err)
	}
	reaped(t, s, 0)
	run(t, first, `COMMIT`)
	if err := <-gone; err != nil {
		t.Fatal(err)
	}
	reaped(t, s, 0) // it owns what it acquired
	if claims, err := heir.w.Acquire(t.Context(), []ring.Slot{0, 7}); err != nil || len(claims) != 2 {
		t.Fatalf("acquired %+v, %v", claims, err)
	}
	reaped(t, s, 1)

	m := newTestMember(t, s, "b", 1, 0)
	if err := m.w.Release(t.Context(), []store.Claim{m.claim}); err != nil {
		t.Fatal(err)
	}
	run(t, first, `BEGIN; `+depose("b")+`; SELECT reap_v1('`+testGroup+`', 0)`)
	late := behind(t, s, acquire("b"))
	run(t, first, `COMMIT`)
	if err := <-late; sqlState(err) != stateFenced {
		t.Errorf("an acquisition behind the reaping ends with %v", err)
	}
	if rows := run(t, first, `SELECT 1 FROM slots WHERE owner = 'b'`); len(rows) != 0 {
		t.Error("who was reaped owns a slot")
	}
}
