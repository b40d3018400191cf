package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// history is what is put into a store before it is measured, through the
// store's own contract.
type history struct {
	ids      *ids
	events   int // of each stream
	payload  int // bytes of each event's data
	snapshot int // version of a snapshot beside; 0: none
}

const historyBatch = 4000 // events of one append

// write stores the history and leaves the slots without an owner.
func (y history) write(ctx context.Context, b *bench, s store.Store) (err error) {
	b.hosts++
	member := store.MemberID(fmt.Sprintf("fill-%d-%d", os.Getpid(), b.hosts))
	if _, err := s.Join(ctx, store.Member{ID: member, Writers: 1}, longLease); err != nil {
		return fmt.Errorf("join the group: %w", err)
	}
	w, err := s.Writer(ctx, member, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := w.Raise(ctx, 1); err != nil {
		return err
	}
	claims, err := w.Acquire(ctx, allSlots())
	if err != nil {
		return err
	}
	if err := y.append(ctx, b, w, store.Append{Member: member, Gen: 1}, claims); err != nil {
		return err
	}
	return w.Release(ctx, claims)
}

func (y history) append(ctx context.Context, b *bench, w store.Writer, proof store.Append, claims []store.Claim) error {
	heads := make([]store.Claim, slots)
	for _, c := range claims {
		heads[c.Slot] = c
	}
	perBatch := max(1, historyBatch/y.events)
	for from := 0; from < y.ids.n; from += perBatch {
		if err := ctx.Err(); err != nil {
			return err
		}
		if from%(perBatch*50) == 0 {
			b.progress("filling: %d of %d streams of %d events", from, y.ids.n, y.events)
		}
		a := proof
		claimed := map[ring.Slot]bool{}
		for id := from; id < min(from+perBatch, y.ids.n); id++ {
			slot := y.ids.slots[id]
			if !claimed[slot] {
				claimed[slot] = true
				a.Claims = append(a.Claims, heads[slot])
			}
			y.stream(&a, id, &heads[slot])
		}
		if err := w.Append(ctx, &a); err != nil {
			return fmt.Errorf("fill the store: %w", err)
		}
	}
	return nil
}

// stream adds the events of one stream behind the head of its slot, which it moves.
func (y history) stream(a *store.Append, id int, head *store.Claim) {
	data := fmt.Appendf(nil, `{"amount":%d,"note":"%s"}`, amount, noteFor(y.payload))
	stream := message.Stream(y.ids.streams[id])
	for v := range y.events {
		head.Head = store.Head{Offset: head.Head.Offset + 1, Epoch: head.Epoch}
		a.Events = append(a.Events, store.Event{
			Stream: stream, Version: message.Version(v), Slot: head.Slot, Offset: head.Head.Offset, Epoch: head.Epoch,
			Type: "deposited", Schema: 1, Data: data, Metadata: []byte(`{}`), MessageID: message.NewID(),
			Command:    &store.Command{Service: "deposit", Response: []byte(`{"result":"ok"}`), Events: 1},
			RecordedAt: time.Now(),
		})
	}
	if y.snapshot > 0 {
		a.Snapshots = append(a.Snapshots, store.Snapshot{
			Stream: stream, Version: message.Version(y.snapshot), Schema: 1,
			Data: fmt.Appendf(nil, `{"balance":%d,"note":""}`, amount*(y.snapshot+1)),
		})
	}
}

// onHistory runs f on a host that has nothing in memory of the history in its
// store.
func (b *bench) onHistory(ctx context.Context, kind string, y history, f func(*hosted) error) (err error) {
	p, err := b.newPlace(ctx, kind)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	s, err := p.open(ctx, "bench")
	if err != nil {
		return err
	}
	if err := errors.Join(y.write(ctx, b, s), s.Close()); err != nil {
		return err
	}
	if kind == onPostgres { // what autovacuum does soon enough, but not now and not during the measurement
		if err := b.server.exec(ctx, `VACUUM ANALYZE `+p.schema+`.events`); err != nil {
			return err
		}
	}
	h, err := p.host(ctx, setup{group: "bench", ids: y.ids})
	if err != nil {
		return err
	}
	if err := f(h); err != nil {
		return errors.Join(err, h.close(ctx))
	}
	err = h.check(ctx, int64(y.ids.n*y.events))
	return errors.Join(err, h.close(ctx))
}
