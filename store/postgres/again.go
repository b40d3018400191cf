package postgres

import (
	"context"
	"errors"

	"github.com/ringhold/ringhold/store"
)

// The server's codes for a transaction that it has rolled back although nothing
// is wrong with what was asked for.
const (
	stateSerialization = "40001" // of a standby too: a read was in the way of its recovery
	stateDeadlock      = "40P01"
	stateLockTimeout   = "55P03"
	stateCancelled     = "57014" // statement_timeout, or somebody's pg_cancel_backend
)

// repeats bounds how often a statement is asked for again after such a code.
const repeats = 2

// interrupted reports whether the server has rolled a statement back although
// nothing is wrong with it: nothing of it is stored, and whoever asked for it may
// ask again, under the same generation.
func interrupted(err error) bool {
	if !aborted(err) || errors.As(err, new(*store.UnknownOutcomeError)) {
		return false
	}
	switch sqlState(err) {
	case stateSerialization, stateDeadlock, stateLockTimeout, stateCancelled:
		return true
	}
	return false
}

// repeatable is interrupted but for a statement that was cancelled: its time is
// over, or somebody does not want it.
func repeatable(err error) bool { return interrupted(err) && sqlState(err) != stateCancelled }

// insist is write for a statement that is a transaction of its own: one that the
// server has rolled back for the sake of others is asked for again, in what is
// left of the time that the session is within.
func (se *session) insist(ctx context.Context, query string, p *params, row func(values [][]byte) error) (lost bool, err error) {
	lost, err = se.write(ctx, query, p, row)
	for n := 0; n < repeats && !lost && repeatable(err); n++ {
		lost, err = se.write(ctx, query, p, row)
	}
	return lost, err
}
