package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// loaded goes on with an envelope once the store has answered.
func (h *Host) loaded(a *actor, e *envelope) (waits bool) {
	err, looking := e.err, a.looking
	e.err, a.looking = nil, nil
	if err != nil {
		h.answer(a, e, reply{response: message.ServiceUnavailable{Service: e.message.Service, Reason: publicWords(noAnswer, err)}})
		return false
	}
	if a.state == nil {
		if r := h.hydrate(a, e); r != nil {
			a.forget()
			a.size = 0
			if e.work != deleteStream || !h.headOnly(a, e) {
				h.answer(a, e, reply{response: r})
				return false
			}
		}
	}
	e.began = time.Now()
	for i, one := range looking {
		one.looked, one.found = a.life, e.loaded.Commands[i]
	}
	e.loaded = nil
	if e.found == nil && e.expired(e.began) || e.answered.Load() { // what was loaded stays, for the next one
		return false
	}
	waits = h.run(a, e)
	if !waits && a.state == nil { // a deletion that came to nothing
		a.forget()
	}
	return waits
}

// hydrate makes the state of what was loaded. It returns nil or the answer of
// the command, which does not run then.
func (h *Host) hydrate(a *actor, e *envelope) message.Response {
	var err error
	p := handler.Guard("load", func() { err = h.fold(a, e) })
	now := time.Now()
	if p != nil {
		h.logPanic(e.message, p)
		a.panicked(fmt.Sprintf("loading version %d panicked", a.version+1), now)
		if reason, yes := a.quarantined(now); yes {
			return message.Quarantined{Stream: a.hosted.core.Stream, ID: e.message.Aggregate.ID, Reason: reason}
		}
		return p.Response()
	}
	var unavailable *unavailableError
	var custom *customError
	switch {
	case err == nil:
		a.hosted.loaded(1, a.size)
		h.cfg.Observer.ActorLoaded(a.hosted.core.Stream)
		return nil
	case errors.As(err, &unavailable):
		h.log.Warn("a stream cannot be read now", "stream", string(a.stream), "error", unavailable.err)
		return message.ServiceUnavailable{Service: e.message.Service, Reason: publicWords(noAnswer, unavailable.err)}
	case errors.As(err, &custom):
		return aggregate.ResponseOf(custom.err)
	}
	h.log.Error("an aggregate cannot be loaded", "stream", string(a.stream), "error", err)
	reason := unreadableWords(err)
	a.quarantine(reason, now)
	return message.Quarantined{Stream: a.hosted.core.Stream, ID: e.message.Aggregate.ID, Reason: reason}
}

// unavailableError is an error of the store while an aggregate is loaded: it
// may pass.
type unavailableError struct{ err error }

func (e *unavailableError) Error() string { return "the store did not answer: " + e.err.Error() }
func (e *unavailableError) Unwrap() error { return e.err }

// holeError says that events are missing in a stream. Nothing that Ringhold
// does makes a hole, so somebody else has changed the store.
type holeError struct{ after, found message.Version }

func (e *holeError) Error() string {
	return fmt.Sprintf("the stream has no event between version %d and version %d: it was changed from outside", e.after, e.found)
}

// customError is what an author's HydrateWith function returned.
type customError struct{ err error }

func (e *customError) Error() string { return e.err.Error() }
func (e *customError) Unwrap() error { return e.err }

func (h *Host) fold(a *actor, e *envelope) error {
	l := &hydration{host: h, actor: a, loaded: e.loaded, id: e.message.Aggregate.ID}
	a.forget()
	if a.erased = l.loaded.Erased; a.erased {
		a.version = l.loaded.Deleted
		a.state = a.hosted.core.NewState()
		return nil
	}
	err := h.foldWith(a, e, l)
	if err == nil {
		a.kept = bytesOf(a.recent)
		a.size = estimate(a.hosted.core, a.state) + a.kept
	}
	return err
}

// foldWith loads as the author wants it, within the time that the first caller
// has, or by default. A default that has begun goes on to its end, so that a long
// stream gets into memory although each of its callers has little time.
func (h *Host) foldWith(a *actor, e *envelope, l *hydration) error {
	core := a.hosted.core
	if !core.CustomHydration() {
		return l.Default(h.callbackContext(e))
	}
	ctx, cancel := h.callbackContext(e), context.CancelFunc(func() {})
	if !e.deadline.IsZero() {
		ctx, cancel = context.WithDeadline(ctx, e.deadline)
	}
	defer cancel()
	_, err := core.Hydrate(ctx, l)
	var unavailable *unavailableError
	switch {
	case errors.As(err, &unavailable):
		return err
	case err != nil:
		return &customError{err}
	case a.state == nil:
		return &customError{errors.New("HydrateWith loaded nothing")}
	}
	return nil
}

// hydration loads one actor within its turn.
type hydration struct {
	host   *Host
	actor  *actor
	loaded *store.Loaded
	id     message.AggregateID
}

// Stream returns the name of the stream.
func (l *hydration) Stream() message.StreamName { return l.actor.hosted.core.Stream }

// ID returns the aggregate's id.
func (l *hydration) ID() message.AggregateID { return l.id }

// State returns what was loaded so far.
func (l *hydration) State() (any, message.Version) { return l.actor.state, l.actor.version }

// Set takes a state that was found elsewhere.
func (l *hydration) Set(state any, v message.Version) {
	a := l.actor
	a.state, a.version, a.exists = state, v, v > l.loaded.Deleted
	a.seen.all = false
	if l.loaded.State != nil {
		a.recent = slices.Clip(l.loaded.State.Recent)
	}
}

// Default loads the state row, or the snapshot and the events behind it.
func (l *hydration) Default(ctx context.Context) error {
	if l.actor.hosted.core.StateBased {
		return l.stateRow()
	}
	a, core := l.actor, l.actor.hosted.core
	if s := l.loaded.Snapshot; s != nil {
		state, err := core.DecodeState(s.Schema, payloadOf(s.Encoding, s.Data))
		if err != nil {
			l.host.log.Warn("a snapshot is left aside, the events are read instead", "stream", string(a.stream), "version", int64(s.Version), "error", err)
			return l.Replay(ctx)
		}
		a.state, a.version, a.snap, a.exists = state, s.Version, s.Version, true
		return l.replay(ctx, l.loaded.Events, l.loaded.More)
	}
	l.start()
	return l.replay(ctx, l.loaded.Events, l.loaded.More)
}

// Replay loads all events behind the last deletion.
func (l *hydration) Replay(ctx context.Context) error {
	l.start()
	if l.loaded.Snapshot == nil {
		return l.replay(ctx, l.loaded.Events, l.loaded.More)
	}
	l.actor.seen.all = false
	return l.replay(ctx, nil, true)
}

// start begins with the state of an aggregate without events.
func (l *hydration) start() {
	a := l.actor
	a.state = a.hosted.core.NewState()
	a.version, a.snap, a.exists = l.loaded.Deleted, l.loaded.Deleted, false
	a.seen = seenIDs{all: l.loaded.Deleted == message.NoVersion}
}

// replay applies a page of events, then reads and applies further ones.
func (l *hydration) replay(ctx context.Context, events []store.Event, more bool) error {
	a, page := l.actor, l.host.cfg.Page
	for {
		for i := range events {
			if err := l.apply(&events[i]); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		var err error
		if events, err = l.host.cfg.Store.ReadStream(ctx, a.stream, a.version+1, page); err != nil {
			return &unavailableError{err}
		}
		more = len(events) == page
	}
}

func (l *hydration) apply(ev *store.Event) error {
	a := l.actor
	if ev.Version != a.version+1 {
		return &holeError{after: a.version, found: ev.Version}
	}
	if err := a.hosted.core.Replay(a.state, ev.Type, ev.Schema, payloadOf(ev.Encoding, ev.Data)); err != nil {
		return fmt.Errorf("version %d: %w", ev.Version, err)
	}
	a.version, a.exists = ev.Version, true
	if ev.MessageID != "" {
		a.seen.add(ev.MessageID)
	}
	return nil
}

// stateRow loads a state-based aggregate.
func (l *hydration) stateRow() error {
	a, core, row := l.actor, l.actor.hosted.core, l.loaded.State
	l.start()
	a.seen.all = false // no message is looked up by its event
	if row == nil {
		return nil
	}
	a.recent = slices.Clip(row.Recent) // what is appended goes elsewhere
	if row.Version <= l.loaded.Deleted {
		return nil // deleted after it was stored; its messages stay known
	}
	state, err := core.DecodeState(row.Schema, payloadOf(row.Encoding, row.Data))
	if err != nil {
		return err
	}
	core.Loaded(state)
	a.state, a.version, a.exists = state, row.Version, true
	return nil
}

func payloadOf(encoding store.Encoding, data []byte) aggregate.Payload {
	return aggregate.Payload{Proto: encoding == store.Proto, Data: data}
}
