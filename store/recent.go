package store

import "github.com/ringhold/ringhold/message"

// Find returns the command of a message id among the newest ones of a
// state-based aggregate, or nil. Each command moved the version by its events,
// and the newest one ended at the state's version. A soft deletion moved it too,
// and is not among them: of a command from before one that the state has gone on
// behind, First is too high, by one for each deletion since. Its response, with
// the version in it, is what was answered.
func (s *State) Find(id message.ID) *Recorded {
	first := s.Version + 1
	for i := len(s.Recent) - 1; i >= 0; i-- {
		p := &s.Recent[i]
		first -= message.Version(p.Command.Events)
		if p.MessageID == id {
			return &Recorded{Command: p.Command, First: first}
		}
	}
	return nil
}
