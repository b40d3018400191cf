package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// behind asks with a session of its own, which neither overtakes nor asks again,
// and returns when the answer has to wait for a lock.
func behind(t *testing.T, s *Store, sql string) <-chan error {
	t.Helper()
	conn := raw(t, s)
	answered := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.WithoutCancel(t.Context()), sql).ReadAll()
		answered <- err
	}()
	eventually(t, raw(t, s), "it waits", fmt.Sprintf(`SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid = %d)`, conn.PID()))
	return answered
}

// TestLostTakeover has a promotion lose that a slot changed hands, and the one
// whose slot it had become take it back, with the epoch and the writer that they
// were: what another session of the old owner proves then is not its own (H6).
func TestLostTakeover(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	m := newTestMember(t, s, "a", 0, time.Hour)
	newTestMember(t, s, "b", 1, time.Hour)
	m.mustAppend("accounts-a", 0, "{}")
	run(t, raw(t, s), `UPDATE slots SET owner = 'b' WHERE slot = 0`)
	m.raise(2)
	if stale, err := m.w.Verify(t.Context(), []store.Claim{m.claim}); err != nil || !slices.Equal(stale, []store.Claim{m.claim}) {
		t.Errorf("of another owner's slot %+v is stale, %v", stale, err)
	}
	if err := m.w.Release(t.Context(), []store.Claim{m.claim}); err != nil {
		t.Fatal(err)
	}
	if rows := run(t, raw(t, s), `SELECT owner FROM slots WHERE slot = 0`); string(rows[0][0]) != "b" {
		t.Errorf("another owner's slot was released to %q", rows[0][0])
	}
	if err := m.append("accounts-a", 1, "{}"); !errors.As(err, new(*store.StaleSlotError)) {
		t.Errorf("an append to another owner's slot ends with %v", err)
	}
}

// TestHeadBehindOwnerWithoutRow takes a slot of a member whose row is gone and
// whose append is in its transaction: the head has that append (H8).
func TestHeadBehindOwnerWithoutRow(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	newTestMember(t, s, "a", 0, time.Hour)
	newTestMember(t, s, "b", 1, time.Hour)
	appending, watch := raw(t, s), raw(t, s)
	run(t, watch, `DELETE FROM members WHERE member = 'a'`)
	run(t, appending, `BEGIN; SELECT fence_v1('`+testGroup+`', 'a', 0, 1)`)
	run(t, appending, `INSERT INTO events (service_group, slot, slot_offset, epoch, stream, version, type, schema_version, encoding, data, metadata, recorded_at)
		VALUES ('`+testGroup+`', 0, 0, 1, 'accounts-a', 0, 'happened', 1, 0, '', '', now())`)
	acquired := behind(t, s, `CREATE TABLE got AS SELECT * FROM acquire_v1('`+testGroup+`', 'b', 0, 1, '{0}')`)
	run(t, appending, `COMMIT`)
	if err := <-acquired; err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%s", run(t, watch, `SELECT slot, epoch, head, head_epoch FROM got`)); got != "[[0 2 0 1]]" {
		t.Errorf("acquired %s: the head has to be the append that was waited for", got)
	}
}

// TestAcquireJudgesAgain has a member join and take a slot while another one, that
// has found its owner deposed, is about to lock it: whom the slot belongs to is
// judged behind the lock, by who is there then.
func TestAcquireJudgesAgain(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	newTestMember(t, s, "gone", 0, 0)
	m := newTestMember(t, s, "a", 1, time.Hour)
	if ok, err := s.Depose(t.Context(), store.Depose{Member: "gone", Estimate: time.Now().Add(time.Hour), Incarnation: incarnation(t, s)}); err != nil || !ok {
		t.Fatalf("deposing ends with %v, %v", ok, err)
	}
	admin, watch := raw(t, s), raw(t, s)
	run(t, admin, `CREATE FUNCTION pause(deposed boolean) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
		IF deposed AND current_setting('application_name') = 'ringhold writer' THEN PERFORM pg_advisory_lock_shared(4712); END IF; RETURN deposed; END $$`)
	run(t, admin, `ALTER TABLE members RENAME TO all_members; CREATE VIEW members AS SELECT service_group, member, pause(deposed) AS deposed FROM all_members`)
	run(t, admin, `SELECT pg_advisory_lock(4712)`)
	acquired := make(chan error, 1)
	go func() {
		claims, err := m.w.Acquire(context.WithoutCancel(t.Context()), []ring.Slot{0})
		if err == nil && len(claims) > 0 {
			err = fmt.Errorf("it has %+v", claims)
		}
		acquired <- err
	}()
	eventually(t, watch, "the acquirer judges", `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 4712)`)
	run(t, admin, `INSERT INTO all_members (service_group, member, pod_uid, address, writers, joined_at)
		VALUES ('`+testGroup+`', 'new', '', '', 1, now())`)
	run(t, admin, `UPDATE slots SET owner = 'new', writer = 0, epoch = 2 WHERE slot = 0`)
	run(t, admin, `SELECT pg_advisory_unlock(4712)`)
	if err := <-acquired; err != nil {
		t.Errorf("a slot that has a living owner by now: %v", err)
	}
	if rows := run(t, watch, `SELECT owner FROM slots WHERE slot = 0`); string(rows[0][0]) != "new" {
		t.Errorf("the slot is %q's", rows[0][0])
	}
}

// TestAcquirersInOrder: two members that take slots nobody ever had, each in an
// order of its own, do not wait for each other (H8).
func TestAcquirersInOrder(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	newTestMember(t, s, "a", 0, time.Hour)
	newTestMember(t, s, "b", 1, time.Hour)
	holds := raw(t, s)
	run(t, holds, `BEGIN; INSERT INTO slots (service_group, slot, epoch) VALUES ('`+testGroup+`', 5, 0)`)
	one := behind(t, s, `SELECT acquire_v1('`+testGroup+`', 'a', 0, 1, '{3, 5, 7}')`)
	other := behind(t, s, `SELECT acquire_v1('`+testGroup+`', 'b', 0, 1, '{7, 5, 3}')`)
	run(t, holds, `COMMIT`)
	if err := errors.Join(<-one, <-other); err != nil {
		t.Errorf("acquiring ends with %v", err)
	}
}

// TestOnTheWritersSession: slots change hands on the session that appends to
// them, behind what it has sent, and on no other (H3).
func TestOnTheWritersSession(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	slot := ring.Slot(0)
	for name, call := range map[string]func(m *testMember) error{
		"release": func(m *testMember) error { return m.w.Release(t.Context(), []store.Claim{m.claim}) },
		"acquire": func(m *testMember) error { _, err := m.w.Acquire(t.Context(), []ring.Slot{m.claim.Slot}); return err },
		"verify":  func(m *testMember) error { _, err := m.w.Verify(t.Context(), []store.Claim{m.claim}); return err },
	} {
		m := newTestMember(t, s, store.MemberID(name), slot, time.Hour)
		slot++
		_ = m.w.(*writer).session.wire.Close()
		if err := call(m); err == nil {
			t.Errorf("%s succeeds although the writer's session has ended", name)
		}
		m.raise(2)
		if stale, err := m.w.Verify(t.Context(), []store.Claim{m.claim}); err != nil || len(stale) > 0 {
			t.Errorf("%s on a session that has ended: %+v are stale, %v", name, stale, err)
		}
	}
}

// TestWritersReleaseEachOthers: two writers of a member that give up each other's
// slots at once do not wait for each other.
func TestWritersReleaseEachOthers(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	w := twoWriters(t, s)
	for i := range w {
		if _, err := w[i].Acquire(t.Context(), []ring.Slot{ring.Slot(i)}); err != nil {
			t.Fatal(err)
		}
	}
	holds := raw(t, s)
	run(t, holds, `BEGIN; SELECT 1 FROM slots FOR UPDATE`) // each waits for it behind its fences
	one := behind(t, s, `SELECT release_v1('`+testGroup+`', 'a', 0, 1, '{1}', '{1}')`)
	other := behind(t, s, `SELECT release_v1('`+testGroup+`', 'a', 1, 1, '{0}', '{1}')`)
	run(t, holds, `COMMIT`)
	if err := errors.Join(<-one, <-other); err != nil {
		t.Errorf("giving up the other's slot ends with %v", err)
	}
}

// TestTakenByAnotherWriter: a slot is that of the writer that has taken it last.
func TestTakenByAnotherWriter(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	w := twoWriters(t, s)
	for _, i := range []store.WriterID{0, 1, 0} {
		claims, err := w[i].Acquire(t.Context(), []ring.Slot{3})
		if err != nil || len(claims) != 1 {
			t.Fatalf("acquired %+v, %v", claims, err)
		}
		m := &testMember{t: t, w: w[i], id: "a", gen: 1, claim: claims[0]}
		a := m.one("accounts-a", message.Version(claims[0].Head.Offset+1), "{}")
		a.Writer = i
		if err := w[i].Append(t.Context(), a); err != nil {
			t.Errorf("an append of writer %d, which has the slot: %v", i, err)
		}
	}
}
