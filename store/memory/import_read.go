package memory

import (
	"context"
	"maps"
	"slices"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

var _ store.Exporter = (*Store)(nil)

// Heads returns where the logs end.
func (s *Store) Heads(ctx context.Context) ([]store.SlotHead, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var heads []store.SlotHead
	for _, n := range slices.Sorted(maps.Keys(s.slots)) {
		if sl := s.slots[n]; len(sl.log) > 0 {
			heads = append(heads, store.SlotHead{Slot: n, Head: sl.head()})
		}
	}
	return heads, nil
}

// ReadSnapshots returns a page of all snapshots.
func (s *Store) ReadSnapshots(ctx context.Context, after message.Stream, limit int) ([]store.Snapshot, error) {
	var out []store.Snapshot
	err := s.eachStream(ctx, after, func(t *stream) bool {
		if t.snapshot != nil && len(out) < limit {
			out = append(out, *t.snapshot)
		}
		return len(out) < limit
	})
	return out, err
}

// ReadStates returns a page of all states.
func (s *Store) ReadStates(ctx context.Context, after message.Stream, limit int) ([]store.State, error) {
	var out []store.State
	err := s.eachStream(ctx, after, func(t *stream) bool {
		if t.state != nil && len(out) < limit {
			st := *t.state
			st.Recent = slices.Clone(st.Recent)
			out = append(out, st)
		}
		return len(out) < limit
	})
	return out, err
}

// eachStream calls do for the streams behind after, in order, until it returns
// false.
func (s *Store) eachStream(ctx context.Context, after message.Stream, do func(*stream) bool) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	from := after + "\x00" // the least string behind it
	if after == "" {
		from = ""
	}
	for name, found := s.seek(from); found; name, found = s.seek(name + "\x00") {
		if !do(s.streams[name]) {
			break
		}
	}
	return nil
}

// ReadAlarms returns a page of all alarms.
func (s *Store) ReadAlarms(ctx context.Context, after string, limit int) ([]store.Alarm, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var out []store.Alarm
	for _, id := range slices.Sorted(maps.Keys(s.alarms)) {
		if (after == "" || id > after) && len(out) < limit {
			out = append(out, s.alarms[id])
		}
	}
	return out, nil
}
