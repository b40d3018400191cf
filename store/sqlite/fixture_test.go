package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

func testConfig(t *testing.T) Config {
	t.Helper()
	return Config{Path: filepath.Join(t.TempDir(), "bank.db"), Group: "default.bank", Owner: "the test", Migrate: true}
}

// openTest opens a file and closes it with the test.
func openTest(t *testing.T, c Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeTest(t, s) })
	return s
}

func closeTest(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// testMember owns one slot.
type testMember struct {
	t     *testing.T
	w     store.Writer
	id    store.MemberID
	claim store.Claim
}

func newTestMember(t *testing.T, s *Store, id store.MemberID, slot ring.Slot) *testMember {
	t.Helper()
	if _, err := s.Join(t.Context(), store.Member{ID: id, Writers: 1}, time.Hour); err != nil {
		t.Fatal(err)
	}
	w, err := s.Writer(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Raise(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	claims, err := w.Acquire(t.Context(), []ring.Slot{slot})
	if err != nil || len(claims) != 1 {
		t.Fatalf("acquired %v, %v", claims, err)
	}
	return &testMember{t: t, w: w, id: id, claim: claims[0]}
}

// append appends n events of a stream from a version on.
func (m *testMember) append(ctx context.Context, stream message.Stream, from message.Version, n int, data string) error {
	a := &store.Append{Member: m.id, Gen: 1, Claims: []store.Claim{m.claim}}
	head := m.claim.Head
	for i := range n {
		head = store.Head{Offset: head.Offset + 1, Epoch: m.claim.Epoch}
		a.Events = append(a.Events, store.Event{Stream: stream, Version: from + message.Version(i), Slot: m.claim.Slot, Offset: head.Offset,
			Epoch: head.Epoch, Type: "happened", Schema: 1, Data: []byte(data)})
	}
	err := m.w.Append(ctx, a)
	if err == nil {
		m.claim.Head = head
	}
	return err
}

func (m *testMember) mustAppend(stream message.Stream, from message.Version, n int, data string) {
	m.t.Helper()
	if err := m.append(m.t.Context(), stream, from, n, data); err != nil {
		m.t.Fatal(err)
	}
}

func count(t *testing.T, s *Store, slot ring.Slot) int {
	t.Helper()
	events, err := s.ReadSlot(t.Context(), slot, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return len(events)
}

// mustErase appends the event that erases a stream.
func (m *testMember) mustErase(stream message.Stream, v message.Version) {
	m.t.Helper()
	head := store.Head{Offset: m.claim.Head.Offset + 1, Epoch: m.claim.Epoch}
	err := m.w.Append(m.t.Context(), &store.Append{Member: m.id, Gen: 1, Claims: []store.Claim{m.claim}, Events: []store.Event{
		{Stream: stream, Version: v, Slot: m.claim.Slot, Offset: head.Offset, Epoch: head.Epoch, Type: store.TypeErased}}})
	if err != nil {
		m.t.Fatal(err)
	}
	m.claim.Head = head
}
