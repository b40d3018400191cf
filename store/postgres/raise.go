package postgres

import (
	"context"
	"errors"

	"github.com/ringhold/ringhold/store"
)

var raiseGeneration = call("raise_v1", 4)

// Raise makes g the writer's generation. After an unknown outcome, or the end of
// its session, it opens a new connection: what the old one still brings is of an older generation.
func (w *writer) Raise(ctx context.Context, g store.Generation) error {
	leave, err := w.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := w.connect(ctx); err != nil {
		return err
	}
	w.session.within(w.s.timeout)
	if _, err := w.session.prepare(ctx, raiseGeneration); err != nil {
		w.session.kill()
		w.session, w.doubt = nil, true
		return w.s.explain("raise a generation in", err)
	}
	w.proof.forget()
	w.identify(w.member, w.id, g)
	err = w.s.overtake(ctx, w.session.conn.PID(), func() error { return w.insist(raiseGeneration, nil) })
	if err == nil {
		w.gen, w.doubt = g, false
		return nil
	}
	if errors.As(err, new(*store.UnknownOutcomeError)) {
		return w.s.explain("raise a generation in", err)
	}
	return w.refusal("raise a generation in", g, err)
}
