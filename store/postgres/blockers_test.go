package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/store"
)

// TestDeposeLeavesTheLiving: whoever is wrong about a member's death neither waits
// for its appends nor ends them. The row that renewals write is judged first.
func TestDeposeLeavesTheLiving(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	m := newTestMember(t, s, "a", 0, time.Hour)
	holds := halfAppend(t, s, "a", 1).PID()
	deposed, err := s.Depose(t.Context(), store.Depose{Member: "a", Estimate: time.Now().Add(2 * time.Hour), Incarnation: incarnation(t, s)})
	if err != nil || deposed {
		t.Fatalf("deposing a member whose lease is good ends with %v, %v", deposed, err)
	}
	if rows := run(t, raw(t, s), fmt.Sprintf(`SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = %d)`, holds)); string(rows[0][0]) != "t" {
		t.Error("the session of a living member's append was ended")
	}
	m.raise(2) // the half append has to go
	m.mustAppend("accounts-a", 0, "{}")
}

// TestBlockedQueue has others wait for a fence that half an append holds, before
// its own writer does: who is ended is who holds it, not who waits (H19).
func TestBlockedQueue(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	m := newTestMember(t, s, "a", 0, time.Hour)
	halfAppend(t, s, "a", 1)
	watch := raw(t, s)
	waited := make(chan error, 2)
	for n := range cap(waited) {
		waits := raw(t, s)
		go func() {
			_, err := waits.Exec(context.WithoutCancel(t.Context()), `SELECT fence_v1('`+testGroup+`', 'a', 0, 1)`).ReadAll()
			waited <- err
		}()
		eventually(t, watch, "it waits", fmt.Sprintf(`SELECT count(*) = %d FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'SELECT fence_v1%%'`, n+1))
	}
	m.raise(2)
	for range cap(waited) {
		if err := <-waited; err != nil && sqlState(err) != stateFenced {
			t.Errorf("a session that waited for the fence ends with %v", err)
		}
	}
	m.mustAppend("accounts-a", 0, "{}")
}

// TestAcquireBehindDepose: a member that is deposed while it acquires gets
// nothing, however far it had come (H20).
func TestAcquireBehindDepose(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	newTestMember(t, s, "a", 0, 0)
	deposer := raw(t, s)
	in := incarnation(t, s)
	if got := string(run(t, deposer, fmt.Sprintf(`BEGIN; SELECT depose_v1('%s', 'a', 0, now() + interval '1 hour', '%s')`, testGroup, in))[0][0]); got != "t" {
		t.Fatalf("deposing ends with %s", got)
	}
	acquired := behind(t, s, `SELECT acquire_v1('`+testGroup+`', 'a', 0, 1, '{0, 1, 2}')`)
	run(t, deposer, `COMMIT`)
	if err := <-acquired; sqlState(err) != stateFenced {
		t.Errorf("acquiring behind one's deposition ends with %v", err)
	}
	slots, err := s.Slots(t.Context())
	if err != nil || len(slots) != 1 || slots[0] != (store.SlotRow{Slot: 0, Owner: "a", Epoch: 1}) {
		t.Errorf("the slots are %+v, %v", slots, err)
	}
}
