package main

import (
	"context"
	"sync/atomic"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// counted is a store that counts what it is asked for.
type counted struct {
	store.Store
	loads   atomic.Int64 // round trips that load aggregates, further pages included
	appends atomic.Int64 // transactions with events
}

func (c *counted) Load(ctx context.Context, reqs []store.LoadRequest) ([]store.Loaded, error) {
	c.loads.Add(1)
	return c.Store.Load(ctx, reqs)
}

func (c *counted) ReadStream(ctx context.Context, s message.Stream, from message.Version, limit int) ([]store.Event, error) {
	c.loads.Add(1)
	return c.Store.ReadStream(ctx, s, from, limit)
}

func (c *counted) Writer(ctx context.Context, m store.MemberID, w store.WriterID) (store.Writer, error) {
	writer, err := c.Store.Writer(ctx, m, w)
	if err != nil {
		return nil, err
	}
	return &countedWriter{writer, c}, nil
}

type countedWriter struct {
	store.Writer
	of *counted
}

func (w *countedWriter) Append(ctx context.Context, a *store.Append) error {
	w.of.appends.Add(1)
	return w.Writer.Append(ctx, a)
}
