package shard

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/postgres"
)

// watched is a store whose writers tell when the database takes nothing, and why:
// callers are told no more than that the service is unavailable.
type watched struct {
	store.Store
	log     *slog.Logger
	failing atomic.Bool

	mu   sync.Mutex
	last string // what was told last
}

func newWatched(s store.Store, log *slog.Logger) *watched { return &watched{Store: s, log: log} }

// Writer opens a writer that is watched.
func (w *watched) Writer(ctx context.Context, m store.MemberID, id store.WriterID) (store.Writer, error) {
	inner, err := w.Store.Writer(ctx, m, id)
	if err != nil {
		return nil, err
	}
	return &watchedWriter{inner, w}, nil
}

type watchedWriter struct {
	store.Writer
	store *watched
}

// Append stores an append, or tells why the database did not.
func (w *watchedWriter) Append(ctx context.Context, a *store.Append) error {
	err := w.Writer.Append(ctx, a)
	if err != nil || w.store.failing.Load() {
		w.store.note(err)
	}
	return err
}

// note tells each reason once, and when it is over. Refusals are no trouble: they
// are what a caller asked to know.
func (w *watched) note(err error) {
	var fault *postgres.Error
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil && w.failing.Swap(false):
		w.last = ""
		w.log.Info("the store takes writes again")
	case errors.As(err, &fault):
		if text := explainStore(err).Error(); text != w.last {
			w.last = text
			w.log.Error("the store takes no writes: until it does, commands are answered as unavailable", "error", text)
		}
		w.failing.Store(true)
	}
}
