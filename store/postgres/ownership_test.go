package postgres

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// TestOwnerWithoutRow: whoever takes the slots of a member whose row somebody
// has deleted fences it off, although its sessions have proved that they own them.
func TestOwnerWithoutRow(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	a := newTestMember(t, s, "a", 0, time.Hour)
	a.mustAppend("accounts-a", 0, "{}")
	run(t, raw(t, s), `DELETE FROM members WHERE member = 'a'`)
	b := newTestMember(t, s, "b", 0, time.Hour)
	if b.claim.Epoch != 2 || b.claim.Head.Offset != 0 {
		t.Fatalf("the slot is taken as %+v", b.claim)
	}
	if err := a.append("accounts-a", 1, "{}"); !errors.As(err, new(*store.FencedError)) {
		t.Errorf("an append of the member whose slot was taken ends with %v", err)
	}
	b.mustAppend("accounts-a", 1, "{}")
}

// twoWriters are those of one member.
func twoWriters(t *testing.T, s *Store) (w [2]store.Writer) {
	t.Helper()
	if _, err := s.Join(t.Context(), store.Member{ID: "a", Writers: 2}, time.Hour); err != nil {
		t.Fatal(err)
	}
	for i := range w {
		var err error
		if w[i], err = s.Writer(t.Context(), "a", store.WriterID(i)); err != nil {
			t.Fatal(err)
		}
		if err := w[i].Raise(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// TestSlotsWriter: a slot is that of the writer that acquired it, not of its
// member's others: what they write the first one's session would not learn of.
func TestSlotsWriter(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	w := twoWriters(t, s)
	claims, err := w[0].Acquire(t.Context(), []ring.Slot{3})
	if err != nil {
		t.Fatal(err)
	}
	m := &testMember{t: t, w: w[1], id: "a", gen: 1, claim: claims[0]}
	other := m.one("accounts-a", 0, "{}")
	other.Writer = 1
	if err := w[1].Append(t.Context(), other); !errors.As(err, new(*store.StaleSlotError)) {
		t.Errorf("an append of another writer of the member ends with %v", err)
	}
	imported := m.one("accounts-a", 0, "{}")
	imported.Writer, imported.Events[0].RecordedAt = 1, time.Now().Add(-time.Hour)
	imported.Events[0].Metadata = []byte(`{}`)
	if err := w[1].(store.Importer).Import(t.Context(), imported); !errors.As(err, new(*store.StaleSlotError)) {
		t.Errorf("an import of another writer of the member ends with %v", err)
	}
	if stale, err := w[1].Verify(t.Context(), claims); err != nil || len(stale) != 1 {
		t.Errorf("of another writer's claims %+v are stale, %v", stale, err)
	}
	if stale, err := w[0].Verify(t.Context(), claims); err != nil || len(stale) != 0 {
		t.Errorf("of the writer's own claims %+v are stale, %v", stale, err)
	}
}

// TestWritersTakeFromEachOther: two writers of a member that move each other's
// slots at once do not wait for each other.
func TestWritersTakeFromEachOther(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	w := twoWriters(t, s)
	for i := range w {
		if _, err := w[i].Acquire(t.Context(), []ring.Slot{ring.Slot(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for i, held := range []string{
		`INSERT INTO slots (service_group, slot, epoch) VALUES ('` + testGroup + `', 9, 0)`, // behind the fences
		`SELECT 1 FROM fences WHERE writer = 0 FOR UPDATE`,                                  // between them
	} {
		holds := raw(t, s)
		run(t, holds, `BEGIN; `+held)
		one := behind(t, s, fmt.Sprintf(`SELECT acquire_v1('%s', 'a', 0, 1, '{%d, 9}')`, testGroup, 1-i))
		other := behind(t, s, fmt.Sprintf(`SELECT acquire_v1('%s', 'a', 1, 1, '{%d, 9}')`, testGroup, i))
		run(t, holds, `COMMIT`)
		if err := errors.Join(<-one, <-other); err != nil {
			t.Errorf("taking the other's slot ends with %v", err)
		}
	}
}

// TestVerifyForgets: a session that is told that a claim is stale does not rest
// on having proved it.
func TestVerifyForgets(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	m := newTestMember(t, s, "a", 3, time.Hour)
	m.mustAppend("accounts-a", 0, "{}")
	run(t, raw(t, s), `UPDATE slots SET epoch = 2`) // which no writer did
	if stale, err := m.w.Verify(t.Context(), []store.Claim{m.claim}); err != nil || !slices.Equal(stale, []store.Claim{m.claim}) {
		t.Fatalf("of the claims %+v are stale, %v", stale, err)
	}
	if err := m.append("accounts-a", 1, "{}"); !errors.As(err, new(*store.StaleSlotError)) {
		t.Errorf("an append with a claim that was found to be stale ends with %v", err)
	}
}

// TestVerifyHeadsEpoch: the right offset with another epoch is another history (H17).
func TestVerifyHeadsEpoch(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	m := newTestMember(t, s, "a", 3, time.Hour)
	m.mustAppend("accounts-a", 0, "{}")
	other := m.claim
	other.Head.Epoch = 7
	if stale, err := m.w.Verify(t.Context(), []store.Claim{other}); err != nil || len(stale) != 1 {
		t.Errorf("a head of another epoch: %+v are stale, %v", stale, err)
	}
}

// TestAcquireLeavesLocked: a slot that somebody else is acquiring holds up none
// of the others (H8).
func TestAcquireLeavesLocked(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	m := newTestMember(t, s, "a", 1, time.Hour)
	if err := m.w.Release(t.Context(), []store.Claim{m.claim}); err != nil {
		t.Fatal(err)
	}
	holds := raw(t, s)
	run(t, holds, `BEGIN; SELECT 1 FROM slots WHERE slot = 1 FOR UPDATE`)
	began := time.Now()
	claims, err := m.w.Acquire(t.Context(), []ring.Slot{2, 0, 1, 3})
	if err != nil || len(claims) != 3 || claims[0].Slot != 0 || claims[1].Slot != 2 || claims[2].Slot != 3 {
		t.Errorf("acquired %+v, %v", claims, err)
	}
	if took := time.Since(began); took > soon/3 {
		t.Errorf("it took %s", took)
	}
	run(t, holds, `ROLLBACK`)
}
