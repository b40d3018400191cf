package memory

import (
	"context"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

var _ store.Discarder = (*writer)(nil)

// Discard removes a group into which an import was begun.
func (w *writer) Discard(ctx context.Context, d store.Discard) (bool, error) {
	if err := w.enter(ctx); err != nil {
		return false, err
	}
	defer w.s.mu.Unlock()
	s := w.s
	if err := s.fence(d.Member, d.Writer, d.Gen); err != nil {
		return false, err
	}
	if s.ring.Version != d.Ring {
		return false, store.ErrOtherRing
	}
	for _, sl := range s.slots { // all at once: nobody waits for memory
		sl.log = nil
	}
	clear(s.streams)
	s.names, s.sorted = nil, 0
	s.alarms, s.erasures, s.ring = map[string]store.Alarm{}, map[message.Stream]bool{}, store.Ring{Version: d.Ring + 1}
	return true, nil
}
