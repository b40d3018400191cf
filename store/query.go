package store

import (
	"strings"

	"github.com/ringhold/ringhold/message"
)

// First returns the lowest stream that q may select: a store seeks it, and goes
// on with what [StreamQuery.Step] says.
func (q StreamQuery) First() message.Stream {
	var first message.Stream
	if q.Name != "" {
		first = q.Name.Of(message.AggregateID(q.Prefix))
	}
	if q.After != "" && q.After >= first {
		return q.After + "\x00" // the least string behind it
	}
	return first
}

// Step says whether q selects s, and the lowest stream that may come next; more
// is false if none can. A store that seeks instead of reading on thus never
// visits streams that are out of the question.
func (q StreamQuery) Step(s message.Stream) (selected bool, next message.Stream, more bool) {
	name, id, ok := s.Split()
	switch {
	case q.Name != "" && name != q.Name:
		return false, "", false
	case !ok:
		return false, s + "\x00", true
	case strings.HasPrefix(string(id), q.Prefix):
		return true, s + "\x00", true
	case string(id) < q.Prefix:
		return false, name.Of(message.AggregateID(q.Prefix)), true
	case q.Name != "":
		return false, "", false
	default: // behind all ids with the prefix: '.' follows '-', so this is the next name
		return false, message.Stream(name) + ".", true
	}
}
