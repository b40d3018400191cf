package parity

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/ringhold/ringhold/store"
)

// tappedStore is a store whose appends a test can hold up, lose and refuse.
type tappedStore struct {
	store.Store

	next    atomic.Pointer[stall] // of the next append
	last    *stall
	appends atomic.Int64
}

// stall holds up one append.
type stall struct {
	reached chan *store.Append // gets the append when it is there
	outcome chan func(do func() error) error
}

// stallNext holds up the next append until the test says what becomes of it.
func (s *tappedStore) stallNext() *stall {
	one := &stall{reached: make(chan *store.Append, 1), outcome: make(chan func(func() error) error, 1)}
	s.last = one
	s.next.Store(one)
	return one
}

// letGo lets an append happen that a test holds up still: it has failed.
func (s *tappedStore) letGo() {
	s.next.Store(nil)
	if s.last != nil && len(s.last.outcome) == 0 {
		s.last.store()
	}
}

var (
	errLost    = errors.New("the connection was lost")
	errRefused = errors.New("the disk is full")
)

// store lets the append happen.
func (s *stall) store() { s.outcome <- func(do func() error) error { return do() } }

// storeAndLose stores it, but the answer is lost.
func (s *stall) storeAndLose() {
	s.outcome <- func(do func() error) error {
		return errors.Join(do(), &store.UnknownOutcomeError{Err: errLost})
	}
}

// lose loses it on the way.
func (s *stall) lose() {
	s.outcome <- func(func() error) error { return &store.UnknownOutcomeError{Err: errLost} }
}

// refuse answers that nothing was stored.
func (s *stall) refuse() { s.outcome <- func(func() error) error { return errRefused } }

// Writer opens a writer whose appends are tapped.
func (s *tappedStore) Writer(ctx context.Context, m store.MemberID, w store.WriterID) (store.Writer, error) {
	writer, err := s.Store.Writer(ctx, m, w)
	if err != nil {
		return nil, err
	}
	return &tappedWriter{writer, s}, nil
}

type tappedWriter struct {
	store.Writer
	store *tappedStore
}

// Append appends, or does what the test says.
func (w *tappedWriter) Append(ctx context.Context, a *store.Append) error {
	w.store.appends.Add(1)
	do := func() error { return w.Writer.Append(ctx, a) }
	one := w.store.next.Swap(nil)
	if one == nil {
		return do()
	}
	one.reached <- a
	return (<-one.outcome)(do)
}
