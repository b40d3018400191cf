package runtime

import (
	"errors"

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

const (
	notServed = "this member does not serve the aggregate's slot now"
	noAnswer  = "the store did not answer"
	notTaken  = "the store did not take the command"
)
