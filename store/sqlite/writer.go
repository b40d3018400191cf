package sqlite

import (
	"cmp"
	"context"
	"slices"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// writer is a store.Writer. It has no connection of its own: the order of its
// calls is that of the committer's queue.
type writer struct {
	s      *Store
	member store.MemberID
	id     store.WriterID
	gen    store.Generation // 0 until Raise
	closed bool
}

// Writer opens a writer. Whether its member has joined is found out by Raise.
func (s *Store) Writer(ctx context.Context, m store.MemberID, w store.WriterID) (store.Writer, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return &writer{s: s, member: m, id: w}, nil
}

// do is the committer's, for a writer that is open.
func (w *writer) do(ctx context.Context, run func(*tx) error) error {
	if w.closed {
		return store.ErrClosed
	}
	return w.s.committer.do(ctx, run)
}

func (w *writer) Raise(ctx context.Context, g store.Generation) error {
	err := w.do(ctx, func(t *tx) error { return t.raise(w.member, w.id, g) })
	if err == nil {
		w.gen = g
	}
	return err
}

func (w *writer) Append(ctx context.Context, a *store.Append) error {
	if err := a.Validate(); err != nil {
		return err
	}
	p := planAppend(a)
	return w.do(ctx, func(t *tx) error { return t.append(p) })
}

func (w *writer) Acquire(ctx context.Context, slots []ring.Slot) ([]store.Claim, error) {
	slots = slices.Clone(slots)
	slices.Sort(slots)
	gen, text := w.gen, slotsJSON(slices.Compact(slots))
	var claims []store.Claim
	err := w.do(ctx, func(t *tx) (err error) {
		if err = t.fence(w.member, w.id, gen); err == nil {
			claims, err = t.acquire(w.member, text)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(claims, func(a, b store.Claim) int { return cmp.Compare(a.Slot, b.Slot) })
	return claims, nil
}

func (w *writer) Release(ctx context.Context, claims []store.Claim) error {
	gen, text := w.gen, claimsJSON(claims)
	return w.do(ctx, func(t *tx) error {
		if err := t.fence(w.member, w.id, gen); err != nil {
			return err
		}
		_, err := t.exec(release, t.group, string(w.member), text)
		return err
	})
}

// Verify is a read: what the writer did before is committed, or Raise has waited
// for it.
func (w *writer) Verify(ctx context.Context, claims []store.Claim) ([]store.Claim, error) {
	if w.closed {
		return nil, store.ErrClosed
	}
	var stale []store.Claim
	err := w.s.each(ctx, "verify the slots", scanStale(claims, &stale), staleClaims, w.s.group, string(w.member), claimsJSON(claims))
	if err != nil {
		return nil, err
	}
	return stale, nil
}

func (w *writer) Close() error {
	w.closed = true
	return nil
}
