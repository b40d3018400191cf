package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// Erase blanks up to limit rows of an erased stream.
func (s *Store) Erase(ctx context.Context, name message.Stream, limit int) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	t := s.streams[name]
	if t == nil || !t.erased {
		return false, fmt.Errorf("erase stream %q: %w", name, store.ErrNotErased)
	}
	if !s.erasures[name] {
		return true, nil
	}
	if limit = s.eraseRows(name, t, limit); limit <= 0 {
		return false, nil
	}
	for _, e := range t.events {
		if e.Data == nil && e.Metadata == nil && e.Command == nil {
			continue
		}
		if limit == 0 {
			return false, nil
		}
		limit--
		e.Data, e.Metadata, e.Command = nil, nil, nil
	}
	delete(s.erasures, name)
	return true, nil
}

// eraseRows removes alarms, snapshot and state, and returns what is left of limit.
func (s *Store) eraseRows(name message.Stream, t *stream, limit int) int {
	for _, al := range s.alarms {
		if limit > 0 && al.Stream == name {
			delete(s.alarms, al.ID)
			limit--
		}
	}
	if limit > 0 && t.snapshot != nil {
		t.snapshot = nil
		limit--
	}
	if limit > 0 && t.state != nil {
		t.state = nil
		limit--
	}
	return limit
}

// PendingErasures names erased streams that still hold payloads.
func (s *Store) PendingErasures(ctx context.Context, limit int) ([]message.Stream, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	names := slices.Sorted(maps.Keys(s.erasures))
	return names[:min(len(names), max(limit, 0))], nil
}
