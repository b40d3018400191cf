package memory

import (
	"context"
	"fmt"

	"github.com/ringhold/ringhold/store"
)

var _ store.Importer = (*writer)(nil)

// Import stores a log that was written elsewhere.
func (w *writer) Import(ctx context.Context, a *store.Append) error {
	if err := a.ValidateImport(); err != nil {
		return err
	}
	if err := w.enter(ctx); err != nil {
		return err
	}
	defer w.s.mu.Unlock()
	return w.s.importAll(a)
}

// importAll checks everything before it changes anything.
func (s *Store) importAll(a *store.Append) error {
	if err := s.fence(a.Member, a.Writer, a.Gen); err != nil {
		return err
	}
	if stale := s.stale(a.Member, a.Claims); len(stale) > 0 {
		e := &store.StaleSlotError{}
		for _, c := range stale {
			e.Slots = append(e.Slots, c.Slot)
		}
		return e
	}
	if err := s.checkMessages(a.Events); err != nil {
		return err
	}
	if err := s.checkImported(a); err != nil {
		return err
	}
	for _, c := range a.ImportedClaims() {
		s.give(s.slots[c.Slot], a.Member, c.Epoch)
	}
	for i := range a.Events {
		e := a.Events[i]
		e.RecordedAt = e.RecordedAt.UTC()
		if e.RecordedAt.After(s.last) {
			s.last = e.RecordedAt
		}
		s.applyEvent(&e)
	}
	for i := range a.Snapshots {
		sn := a.Snapshots[i]
		s.stream(sn.Stream).snapshot = &sn
	}
	for i := range a.States {
		st := a.States[i]
		st.Expected = 0
		s.stream(st.Stream).state = &st
	}
	for _, al := range a.Alarms {
		s.alarms[al.ID] = al
	}
	return nil
}

// checkImported compares the first event of each slot and of each stream with
// what is stored; Validate has seen to those behind it.
func (s *Store) checkImported(a *store.Append) error {
	if err := a.CheckTimes(s.now()); err != nil {
		return err
	}
	for i := range a.Events {
		e := &a.Events[i]
		if log := s.slots[e.Slot].log; len(log) > 0 && e.RecordedAt.Before(log[len(log)-1].RecordedAt) {
			return fmt.Errorf("import: the time of slot %d falls from %s to %s at offset %d", e.Slot, log[len(log)-1].RecordedAt, e.RecordedAt, e.Offset)
		}
		t := s.streams[e.Stream]
		if t == nil || len(t.events) == 0 {
			continue
		}
		if v := t.events[len(t.events)-1].Version; v >= e.Version {
			return &store.VersionConflictError{Stream: e.Stream, Expected: e.Version - 1, Current: v}
		}
	}
	return nil
}
