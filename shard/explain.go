package shard

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/postgres"
)

// explainStore makes one sentence of what a store says: what is wrong, and what
// mends it. What it does not know it returns as it is.
func explainStore(err error) error {
	var locked *store.LockedError
	var fault *postgres.Error
	var schema *store.SchemaError
	switch {
	case errors.As(err, &schema) && schema.Version == 0 && schema.MinBinary == 0:
		return &plainFault{text: "the store has no schema of Ringhold's yet: run `ringhold migrate` with the same --store", cause: err}
	case errors.As(err, &locked):
		return fmt.Errorf("%w: end it first, or choose another directory with --data", err)
	case errors.As(err, &fault) && fault.Kind == postgres.Malformed:
		return usagef("--store: %w", &storeFault{fault, err})
	case errors.As(err, &fault):
		return &storeFault{fault, err}
	}
	return err
}

// storeFault is an error of PostgreSQL without the layers that it went through.
type storeFault struct {
	fault *postgres.Error
	cause error
}

// Error is of one line: what was done, what the server or the network said, and
// what to do about it.
func (e *storeFault) Error() string {
	said := e.fault.Err.Error()
	var server *pgconn.PgError
	var network *net.OpError
	switch {
	case errors.As(e.fault.Err, &server):
		said = server.Message
		if server.Code == "42501" { // the rights that it lacks stand there
			break
		}
		if server.Detail != "" {
			said += " (" + server.Detail + ")"
		}
	case errors.As(e.fault.Err, &network):
		said = network.Error()
	}
	text := fmt.Sprintf("%s the store %s: %s", e.fault.Doing, e.fault.URL, said)
	if e.fault.Advice != "" {
		text += ": " + e.fault.Advice
	}
	return strings.ReplaceAll(text, "\n", " ")
}

func (e *storeFault) Unwrap() error { return e.cause }

// plainFault says an error in the words of who has to mend it.
type plainFault struct {
	text  string
	cause error
}

func (e *plainFault) Error() string { return e.text }

func (e *plainFault) Unwrap() error { return e.cause }
