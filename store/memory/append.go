package memory

import (
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// append checks everything before it changes anything.
func (s *Store) append(a *store.Append) error {
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
	if err := s.checkVersions(a); err != nil {
		return err
	}
	s.apply(a)
	return nil
}

// stale returns the claims that are not what the store holds.
func (s *Store) stale(m store.MemberID, claims []store.Claim) []store.Claim {
	var stale []store.Claim
	for _, c := range claims {
		sl := s.slots[c.Slot]
		if sl == nil || sl.owner != m || sl.epoch != c.Epoch || sl.head() != c.Head {
			stale = append(stale, c)
		}
	}
	return stale
}

// checkMessages goes before the check of versions: of an append that is a
// repeat as well as late, its first response is what the caller wants.
func (s *Store) checkMessages(events []store.Event) error {
	type key struct {
		stream message.Stream
		id     message.ID
	}
	seen := map[key]bool{}
	for i := range events {
		e := &events[i]
		if e.MessageID == "" {
			continue
		}
		k := key{e.Stream, e.MessageID}
		t := s.streams[e.Stream]
		if seen[k] || t != nil && t.messages[e.MessageID] != nil {
			return &store.DuplicateMessageError{Stream: e.Stream, MessageID: e.MessageID}
		}
		seen[k] = true
	}
	return nil
}

func (s *Store) checkVersions(a *store.Append) error {
	checked := map[message.Stream]bool{}
	check := func(name message.Stream, expected message.Version) error {
		if current := s.streams[name].version(); current != expected {
			return &store.VersionConflictError{Stream: name, Expected: expected, Current: current}
		}
		return nil
	}
	for i := range a.Events {
		e := &a.Events[i]
		if checked[e.Stream] {
			continue // it follows the one before it
		}
		checked[e.Stream] = true
		if err := check(e.Stream, e.Version-1); err != nil {
			return err
		}
	}
	for i := range a.States {
		if err := check(a.States[i].Stream, a.States[i].Expected); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) apply(a *store.Append) {
	if now := s.now(); now.After(s.last) {
		s.last = now
	}
	for i := range a.Events {
		e := a.Events[i]
		e.RecordedAt = s.last
		s.applyEvent(&e)
	}
	for i := range a.Snapshots {
		sn := a.Snapshots[i]
		if t := s.stream(sn.Stream); t.snapshot == nil || t.snapshot.Version <= sn.Version {
			t.snapshot = &sn
		}
	}
	for i := range a.States {
		st := a.States[i]
		st.Expected = 0
		s.stream(st.Stream).state = &st
	}
	for _, al := range a.Alarms {
		s.alarms[al.ID] = al
	}
}

func (s *Store) applyEvent(e *store.Event) {
	sl, t := s.slots[e.Slot], s.stream(e.Stream)
	sl.log = append(sl.log, e)
	t.events = append(t.events, e)
	if e.MessageID != "" {
		t.messages[e.MessageID] = e
	}
	switch e.Type {
	case store.TypeErased:
		t.erased = true
		s.erasures[e.Stream] = true
		t.deleted = e.Version
	case store.TypeDeleted:
		t.deleted = e.Version
	}
}

// acquire takes what has no owner or one that is deposed.
func (s *Store) acquire(m store.MemberID, slots []ring.Slot) []store.Claim {
	var claims []store.Claim
	for _, n := range sortedSlots(slots) {
		sl := s.slot(n)
		if sl.owner != "" && sl.owner != m && !s.deposed(sl.owner) {
			continue
		}
		s.give(sl, m, sl.epoch+1)
		claims = append(claims, store.Claim{Slot: n, Epoch: sl.epoch, Head: sl.head()})
	}
	return claims
}
