package memory

import (
	"slices"
	"sort"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// stream is what is stored of one aggregate. Events are in order of their
// versions, which need not begin at 0: a state-based aggregate stores none but
// its deletions.
type stream struct {
	events   []*store.Event
	messages map[message.ID]*store.Event // first events of commands
	snapshot *store.Snapshot
	state    *store.State
	deleted  message.Version
	erased   bool
}

// version is that of the newest event or of the state, whichever is newer.
func (t *stream) version() message.Version {
	v := message.NoVersion
	if t == nil {
		return v
	}
	if n := len(t.events); n > 0 {
		v = t.events[n-1].Version
	}
	if t.state != nil {
		v = max(v, t.state.Version)
	}
	return v
}

// from returns up to limit events from a version on, and whether there are more.
func (t *stream) from(v message.Version, limit int) (events []store.Event, more bool) {
	i := sort.Search(len(t.events), func(i int) bool { return t.events[i].Version >= v })
	rest := t.events[i:]
	more = len(rest) > max(limit, 0)
	return copyEvents(rest, limit), more
}

// copyEvents copies up to limit events; their bytes are never changed, so they
// are shared.
func copyEvents(events []*store.Event, limit int) []store.Event {
	events = events[:min(len(events), max(limit, 0))]
	out := make([]store.Event, len(events))
	for i, e := range events {
		out[i] = *e
		if e.Command != nil {
			c := *e.Command
			out[i].Command = &c
		}
	}
	return out
}

// stream returns the stream, making it if need be.
func (s *Store) stream(name message.Stream) *stream {
	t := s.streams[name]
	if t == nil {
		t = &stream{messages: map[message.ID]*store.Event{}, deleted: message.NoVersion}
		s.streams[name] = t
		s.names = append(s.names, name)
	}
	return t
}

// seek returns the lowest stream that is not less than from.
func (s *Store) seek(from message.Stream) (message.Stream, bool) {
	if s.sorted < len(s.names) {
		slices.Sort(s.names)
		s.sorted = len(s.names)
	}
	i, _ := slices.BinarySearch(s.names, from)
	if i == len(s.names) {
		return "", false
	}
	return s.names[i], true
}
