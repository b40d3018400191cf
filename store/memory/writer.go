package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// writer is a store.Writer. It is for one goroutine at a time.
type writer struct {
	s      *Store
	member store.MemberID
	id     store.WriterID
	gen    store.Generation // 0 until Raise
	closed bool
}

// Writer opens a writer of a member that has joined.
func (s *Store) Writer(ctx context.Context, m store.MemberID, w store.WriterID) (store.Writer, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if s.fenceRow(m, w) == nil {
		return nil, &store.FencedError{Member: m, Writer: w, Reason: "it has not joined with this writer"}
	}
	return &writer{s: s, member: m, id: w}, nil
}

func (w *writer) enter(ctx context.Context) error {
	if w.closed {
		return store.ErrClosed
	}
	return w.s.enter(ctx)
}

func (w *writer) Raise(ctx context.Context, g store.Generation) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	defer w.s.mu.Unlock()
	row := w.s.fenceRow(w.member, w.id)
	refused := func(reason string) error {
		return &store.FencedError{Member: w.member, Writer: w.id, Gen: g, Reason: reason}
	}
	switch {
	case row == nil || w.s.deposed(w.member):
		return refused("the member is deposed")
	case g <= *row:
		return refused(fmt.Sprintf("the writer is at generation %d already", *row))
	}
	*row, w.gen = g, g
	return nil
}

func (w *writer) Append(ctx context.Context, a *store.Append) error {
	if err := a.Validate(); err != nil {
		return err
	}
	if err := w.enter(ctx); err != nil {
		return err
	}
	defer w.s.mu.Unlock()
	return w.s.append(a)
}

func (w *writer) Acquire(ctx context.Context, slots []ring.Slot) ([]store.Claim, error) {
	if err := w.enter(ctx); err != nil {
		return nil, err
	}
	defer w.s.mu.Unlock()
	if err := w.s.fence(w.member, w.id, w.gen); err != nil {
		return nil, err
	}
	return w.s.acquire(w.member, slots), nil
}

func (w *writer) Release(ctx context.Context, claims []store.Claim) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	defer w.s.mu.Unlock()
	if err := w.s.fence(w.member, w.id, w.gen); err != nil {
		return err
	}
	for _, c := range claims {
		if sl := w.s.slots[c.Slot]; sl != nil && sl.owner == w.member && sl.epoch == c.Epoch {
			w.s.give(sl, "", sl.epoch)
		}
	}
	return nil
}

func (w *writer) Verify(ctx context.Context, claims []store.Claim) ([]store.Claim, error) {
	if err := w.enter(ctx); err != nil {
		return nil, err
	}
	defer w.s.mu.Unlock()
	return w.s.stale(w.member, claims), nil
}

func (w *writer) Close() error {
	w.closed = true
	return nil
}

func sortedSlots(slots []ring.Slot) []ring.Slot {
	slots = slices.Clone(slots)
	slices.Sort(slots)
	return slices.Compact(slots)
}
