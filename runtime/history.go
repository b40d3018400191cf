package runtime

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// Errors of StateAt that a caller may want to tell apart.
var (
	ErrNoSuchVersion = errors.New("the stream has no such version")
	ErrErased        = errors.New("the stream was erased")
	ErrStateBased    = errors.New("a state-based aggregate keeps its current state only")
	ErrNoSuchStream  = errors.New("this member hosts no such stream")
)

// StateAt returns the state that an aggregate had at a version, made of its
// stored events in a state of its own, so no live actor is touched.
func (h *Host) StateAt(ctx context.Context, name message.StreamName, id message.AggregateID, v message.Version) (view handler.View, err error) {
	hosted := h.hosted[name]
	switch {
	case hosted == nil:
		return view, fmt.Errorf("%w: %q", ErrNoSuchStream, name)
	case hosted.core.StateBased:
		return view, ErrStateBased
	case v < 0:
		return view, fmt.Errorf("%w: %d", ErrNoSuchVersion, v)
	}
	view.Version = message.NoVersion
	p := handler.Guard("apply", func() {
		view.State = hosted.core.NewState()
		err = h.rebuild(ctx, hosted, name.Of(id), v, &view)
	})
	if p != nil {
		return view, p
	}
	return view, err
}

func (h *Host) rebuild(ctx context.Context, hosted *hosted, stream message.Stream, to message.Version, view *handler.View) error {
	loaded, err := h.cfg.Store.Load(ctx, []store.LoadRequest{{Stream: stream, Hydrate: true}})
	if err != nil {
		return err
	}
	if loaded[0].Erased {
		return ErrErased
	}
	for view.Version < to {
		events, err := h.cfg.Store.ReadStream(ctx, stream, view.Version+1, h.cfg.Page)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return fmt.Errorf("%w: it is at version %d", ErrNoSuchVersion, view.Version)
		}
		for i := range events {
			if events[i].Version > to {
				return nil
			}
			if err := replayOne(hosted, view, &events[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func replayOne(hosted *hosted, view *handler.View, ev *store.Event) error {
	if ev.Version != view.Version+1 {
		return &holeError{after: view.Version, found: ev.Version}
	}
	view.Version = ev.Version
	if ev.Type == store.TypeDeleted {
		view.State, view.Exists = hosted.core.NewState(), false
		return nil
	}
	view.Exists = true
	if err := hosted.core.Replay(view.State, ev.Type, ev.Schema, payloadOf(ev.Encoding, ev.Data)); err != nil {
		return fmt.Errorf("version %d: %w", ev.Version, err)
	}
	return nil
}
