package runtime

import (
	"errors"
	"fmt"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/store"
)

// publicWords makes what a caller is told of an error of the store. An error's own
// text has addresses, roles, members and advice in it, which are for the log; what it
// says of itself to everybody, it says by a method Public.
func publicWords(what string, err error) string {
	var stale *store.StaleSlotError
	var kind interface{ Public() string }
	switch {
	case isFenced(err), errors.As(err, &stale), errors.Is(err, errNotHeld):
		return notServed
	case errors.Is(err, ErrStopped):
		return "this member stops"
	case errors.As(err, &kind):
		return what + ": " + kind.Public()
	}
	return what
}

// unreadableWords makes what a caller is told of an aggregate that cannot be loaded: what
// is wrong with which event, and nothing of what is stored, which a decoder's error may
// quote. The log has the whole error.
func unreadableWords(err error) string {
	var unknown *aggregate.UnknownEventError
	var unreadable *aggregate.UnreadableEventError
	var schema *aggregate.ErrOtherSchema
	var hole *holeError
	switch {
	case errors.As(err, &unknown):
		return unknown.Error()
	case errors.As(err, &schema):
		return schema.Error()
	case errors.As(err, &hole):
		return hole.Error()
	case errors.As(err, &unreadable):
		return fmt.Sprintf("event %q of schema %d is stored in a form that this binary cannot read", unreadable.Type, unreadable.Schema)
	}
	return "what is stored of it cannot be read by this binary"
}

const (
	notServed = "this member does not serve the aggregate's slot now"
	noAnswer  = "the store did not answer"
	notTaken  = "the store did not take the command"
)
