package shard

import (
	"errors"
	"fmt"
	"net"
	"net/url"
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
	said, advice := e.fault.Err.Error(), e.fault.Advice
	var server *pgconn.PgError
	var network *net.OpError
	var name *net.DNSError
	switch {
	case errors.As(e.fault.Err, &server):
		said = server.Message
		switch {
		case server.Code == "42501": // the rights that it lacks stand there
		case server.Detail != "":
			said += " (" + server.Detail + ")"
		}
		switch server.Code {
		case "42704": // undefined_object
			if strings.Contains(said, "configuration parameter") {
				advice = "it stands in the query of the URL: correct its name"
			}
		case "3D000":
			if u, err := url.Parse(e.fault.URL); err == nil && strings.Trim(u.Path, "/") == "" {
				advice += ", or name another one in the URL: it names none, so the one with the role's name is used"
			}
		case "3F000", "42P01", "42883", "42703": // the schema, a table, a function or a column is not there
			advice = "Ringhold's schema is not whole any more: run `ringhold migrate` with the same --store"
		}
	case errors.As(e.fault.Err, &name):
		said, advice = name.Err, "look at the host in the URL, and at the name service of this machine"
	case strings.Contains(said, "server refused TLS connection"):
		said, advice = "the server refused TLS", "turn ssl on there, or write sslmode=prefer or sslmode=disable in the query of the URL (or PGSSLMODE)"
	case errors.As(e.fault.Err, &network):
		said = network.Error()
	}
	if e.fault.Kind == postgres.ReadOnly && !strings.Contains(said+advice, "read-only") {
		said = "it is read-only: " + said
	}
	text := fmt.Sprintf("%s the store %s: %s", e.fault.Doing, e.fault.URL, said)
	if advice != "" {
		text += ": " + advice
	}
	return strings.Join(strings.Fields(text), " ")
}

func (e *storeFault) Unwrap() error { return e.cause }

// plainFault says an error in the words of who has to mend it.
type plainFault struct {
	text  string
	cause error
}

func (e *plainFault) Error() string { return e.text }

func (e *plainFault) Unwrap() error { return e.cause }
