package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// TestDigestFollows: what a renewal says of the slots is what is stored, whoever of
// the member's writers acquired, lost, released or imported, as soon as it is committed.
func TestDigestFollows(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	w := twoWriters(t, s)
	admin := raw(t, s)
	same := func(when string) {
		t.Helper()
		r := renewed(t, s, "a")
		want := fmt.Sprintf("%s", run(t, admin, `SELECT count(*), coalesce(sum(epoch), 0) FROM slots WHERE owner = 'a'`))
		if got := fmt.Sprintf("[[%d %d]]", r.Slots, r.EpochSum); got != want {
			t.Errorf("%s: a renewal names %s slots and the sum of their epochs, it is %s", when, got, want)
		}
	}
	acquire := func(i int, slots ...ring.Slot) []store.Claim {
		t.Helper()
		claims, err := w[i].Acquire(t.Context(), slots)
		if err != nil {
			t.Fatal(err)
		}
		return claims
	}
	same("nothing")
	acquire(0, 1, 2, 3)
	same("acquired")
	moved := acquire(1, 3)
	same("taken over by the other writer")
	if err := w[1].Release(t.Context(), moved); err != nil {
		t.Fatal(err)
	}
	same("released")
	claims := acquire(0, 1)
	same("acquired again")
	e := store.Event{Stream: "accounts-a", Slot: 1, Offset: 0, Epoch: 9, Type: "happened", Schema: 1, Data: []byte(`{}`), Metadata: []byte(`{}`), RecordedAt: time.Now().Add(-time.Hour)}
	if err := w[0].(store.Importer).Import(t.Context(), &store.Append{Member: "a", Gen: 1, Claims: claims, Events: []store.Event{e}}); err != nil {
		t.Fatal(err)
	}
	same("imported")
	for range 70 { // over the rows that a lease moves through
		renewed(t, s, "a")
	}
	same("after many renewals")
	if rows := run(t, admin, `SELECT 1 FROM leases WHERE member = 'a'`); len(rows) != 1 {
		t.Errorf("the member has %d leases", len(rows))
	}

	// A renewal beside an acquisition that is not committed, then behind it.
	run(t, admin, `BEGIN; SELECT acquire_v1('`+testGroup+`', 'a', 0, 1, '{8}')`)
	if r := renewed(t, s, "a"); r.Slots != 2 {
		t.Errorf("beside an acquisition a renewal names %d slots", r.Slots)
	}
	run(t, admin, `COMMIT`)
	same("acquired behind a renewal")
}

// TestDigestOfWhatItSaw has a slot acquired after a renewal has begun to count: what
// it says is of before, and the next one counts again.
func TestDigestOfWhatItSaw(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	newTestMember(t, s, "a", 0, time.Hour)
	admin := raw(t, s)
	run(t, admin, `CREATE FUNCTION pause(epoch bigint) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
		IF current_setting('application_name') = 'ringhold leases' THEN PERFORM pg_advisory_xact_lock_shared(4713); END IF; RETURN epoch; END $$`)
	run(t, admin, `ALTER TABLE slots RENAME TO all_slots; CREATE VIEW slots AS SELECT service_group, slot, owner, writer, pause(epoch) AS epoch FROM all_slots`)
	run(t, admin, `SELECT pg_advisory_lock(4713)`)
	seen := make(chan int, 2)
	go func() {
		r, err := s.Renew(context.WithoutCancel(t.Context()), "a", time.Hour, false)
		if err != nil {
			t.Error(err)
		}
		seen <- r.Slots
	}()
	eventually(t, admin, "the renewal counts", `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 4713)`)
	run(t, admin, `BEGIN; UPDATE fences SET moves = moves + 1; INSERT INTO all_slots VALUES ('`+testGroup+`', 7, 'a', 0, 1); COMMIT`)
	run(t, admin, `SELECT pg_advisory_unlock(4713)`)
	if n := <-seen; n != 1 {
		t.Errorf("a renewal that began to count before names %d slots", n)
	}
	if r := renewed(t, s, "a"); r.Slots != 2 {
		t.Errorf("the renewal behind it names %d slots", r.Slots)
	}
}
