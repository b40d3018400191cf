package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// Load answers requests in their order.
func (s *Store) Load(ctx context.Context, reqs []store.LoadRequest) ([]store.Loaded, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	out := make([]store.Loaded, len(reqs))
	for i, r := range reqs {
		out[i] = s.streams[r.Stream].load(r)
	}
	return out, nil
}

func (t *stream) load(r store.LoadRequest) store.Loaded {
	l := store.Loaded{Deleted: message.NoVersion, Commands: make([]*store.Recorded, len(r.Messages))}
	if t == nil {
		return l
	}
	if t.erased {
		l.Deleted, l.Erased = t.deleted, true
		return l
	}
	for i, id := range r.Messages {
		l.Commands[i] = t.command(id)
	}
	if !r.Hydrate {
		return l
	}
	l.Deleted = t.deleted
	from := t.deleted + 1
	if t.snapshot != nil && t.snapshot.Version > t.deleted {
		sn := *t.snapshot
		l.Snapshot = &sn
		from = sn.Version + 1
	}
	if t.state != nil {
		st := *t.state
		st.Recent = slices.Clone(st.Recent)
		l.State = &st
	}
	l.Events, l.More = t.from(from, r.Events)
	return l
}

// command looks a message up in the events and in the state.
func (t *stream) command(id message.ID) *store.Recorded {
	if e := t.messages[id]; e != nil && e.Command != nil {
		return &store.Recorded{Command: *e.Command, First: e.Version}
	}
	if t.state != nil {
		return t.state.Find(id)
	}
	return nil
}

// ReadStream returns events of a stream.
func (s *Store) ReadStream(ctx context.Context, name message.Stream, from message.Version, limit int) ([]store.Event, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	t := s.streams[name]
	if t == nil {
		return nil, nil
	}
	events, _ := t.from(from, limit)
	return events, nil
}

// ReadSlot returns events of a slot's log.
func (s *Store) ReadSlot(ctx context.Context, n ring.Slot, from store.Offset, limit int) ([]store.Event, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	sl := s.slots[n]
	from = max(from, 0)
	if sl == nil || from >= store.Offset(len(sl.log)) {
		return nil, nil
	}
	return copyEvents(sl.log[from:], limit), nil
}

// ListStreams returns streams in order.
func (s *Store) ListStreams(ctx context.Context, q store.StreamQuery) ([]store.StreamInfo, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []store.StreamInfo
	for next, more := q.First(), true; more && len(out) < q.Limit; {
		name, found := s.seek(next)
		if !found {
			break
		}
		var selected bool
		selected, next, more = q.Step(name)
		if t := s.streams[name]; selected && t.version() != message.NoVersion {
			v := t.version()
			out = append(out, store.StreamInfo{Stream: name, Version: v, Deleted: t.deleted == v, Erased: t.erased})
		}
	}
	return out, nil
}

// Alarms returns alarms that are due.
func (s *Store) Alarms(ctx context.Context, slots []ring.Slot, until time.Time, limit int) ([]store.Alarm, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var due []store.Alarm
	for _, al := range s.alarms {
		if al.DueAt.Before(until) && slices.Contains(slots, al.Slot) {
			due = append(due, al)
		}
	}
	slices.SortFunc(due, func(a, b store.Alarm) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID))
	})
	return due[:min(len(due), max(limit, 0))], nil
}
