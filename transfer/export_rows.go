package transfer

import (
	"context"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// rows writes snapshots, states and alarms.
func (x *export) rows(ctx context.Context) error {
	var after message.Stream
	err := pages(ctx, func(ctx context.Context) ([]store.Snapshot, error) { return x.from.ReadSnapshots(ctx, after, page) }, func(s *store.Snapshot) error {
		after = s.Stream
		return x.row(item{snapshot: s}, appendSnapshot(x.buf[:0], s))
	})
	if err != nil {
		return err
	}
	after = ""
	err = pages(ctx, func(ctx context.Context) ([]store.State, error) { return x.from.ReadStates(ctx, after, page) }, func(s *store.State) error {
		after = s.Stream
		return x.row(item{state: s}, appendState(x.buf[:0], s))
	})
	if err != nil {
		return err
	}
	id := ""
	return pages(ctx, func(ctx context.Context) ([]store.Alarm, error) { return x.from.ReadAlarms(ctx, id, page) }, func(a *store.Alarm) error {
		id = a.ID
		return x.row(item{alarm: a}, appendAlarm(x.buf[:0], a))
	})
}

func (x *export) row(it item, text []byte) error {
	x.buf = text
	if err := x.check.check(it, text); err != nil {
		return err
	}
	return x.sink.line(text)
}

// pages calls do for each row of each page, until a page is empty.
func pages[T any](ctx context.Context, read func(context.Context) ([]T, error), do func(*T) error) error {
	for {
		rows, err := read(ctx)
		if err != nil || len(rows) == 0 {
			return err
		}
		for i := range rows {
			if err := do(&rows[i]); err != nil {
				return err
			}
		}
	}
}
