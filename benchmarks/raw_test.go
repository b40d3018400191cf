package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
)

// limited is a writer that refuses batches above its limit.
type limited struct {
	limit int
	rows  atomic.Int64
}

func (w *limited) commit(_ context.Context, batch []*rawCommand) error {
	if len(batch) > w.limit {
		return errors.New("the batch is above the limit")
	}
	w.rows.Add(int64(len(batch)))
	return nil
}

func (w *limited) close(context.Context) error { return nil }

func TestRawAnswersEachCommandOnce(t *testing.T) {
	a, b := &limited{limit: 3}, &limited{limit: 3}
	r := newRaw(t.Context(), inMemory, newIDs("acc", 100, smallestPayload), 3, a, b)
	f, err := countedLoop(t.Context(), 50, 5000, r.caller)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f.count != 5000 || a.rows.Load()+b.rows.Load() != 5000 {
		t.Errorf("%d commands were answered, %d and %d rows written, want 5000", f.count, a.rows.Load(), b.rows.Load())
	}
	if a.rows.Load() == 0 || b.rows.Load() == 0 {
		t.Error("a writer had nothing to do")
	}
}

func TestRawTellsWhatFailed(t *testing.T) {
	r := newRaw(t.Context(), inMemory, newIDs("acc", 10, smallestPayload), 8, &limited{limit: 0})
	if _, err := countedLoop(t.Context(), 4, 100, r.caller); err == nil {
		t.Error("a writer refused all, the loop says nothing")
	}
	if err := r.close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestPositionsHaveNoGaps(t *testing.T) {
	p := newPositions(newIDs("acc", 1, smallestPayload))
	for want := range int64(3) {
		if version, offset := p.next(0); version != want || offset != want {
			t.Errorf("version %d, offset %d, want %d", version, offset, want)
		}
	}
}

func TestMessageIDsAreUUIDs(t *testing.T) {
	m := newMessageIDs()
	m.batch()
	seen := map[string]bool{}
	for range 1000 {
		text := string(appendText(nil, m.step()))
		id, err := uuid.Parse(text)
		if err != nil || id.Version() != 7 || id.String() != text || seen[text] {
			t.Fatalf("%s: version %d, seen %v: %v", text, id.Version(), seen[text], err)
		}
		seen[text] = true
	}
}
