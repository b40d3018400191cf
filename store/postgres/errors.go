package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Kind says what is wrong, where a person has to do something about it.
type Kind int

// The kinds of an Error.
const (
	Other              Kind = iota
	Malformed               // the URL
	Unreachable             // no server answers
	Unauthorized            // role or password
	NoDatabase              // the database is not there
	TooManyConnections      // the server, the database or the role has no more
	TooOld                  // the server
	WrongEncoding           // of the database: not UTF8
	ReadOnly                // a standby, or default_transaction_read_only
	MissingRight            // the role lacks a GRANT
	DiskFull                // the server's
	ShuttingDown            // the server starts or stops
	NotDurable              // synchronous_commit is off
	Interrupted             // a deadlock, a conflict or a cancellation: nothing was stored, it may be tried again
)

// String says it in words for those who do not run the database: no address, no
// role, no advice.
func (k Kind) String() string {
	switch k {
	case Malformed:
		return "the database's address cannot be read"
	case Unreachable:
		return "the database cannot be reached"
	case Unauthorized:
		return "the database does not let this process in"
	case NoDatabase:
		return "the database is not there"
	case TooManyConnections:
		return "the database has no more connections"
	case TooOld:
		return "the database's server is too old"
	case WrongEncoding:
		return "the database has the wrong encoding"
	case ReadOnly:
		return "the database takes no writes"
	case MissingRight:
		return "the database refuses a right"
	case DiskFull:
		return "the database's disk is full"
	case ShuttingDown:
		return "the database starts or stops"
	case NotDurable:
		return "the database may lose what it acknowledges"
	case Interrupted:
		return "the database was busy with something else; nothing was stored, it may be tried again"
	case Other:
	}
	return "the database answered with an error"
}

const namePrimary = "it is a standby, or default_transaction_read_only is set: name the primary, or several hosts with target_session_attrs=read-write"

// Error is what the server, or the way to it, said. It never shows a password.
type Error struct {
	Kind   Kind
	Doing  string // such as "write to"
	URL    string // without the password
	Advice string // what a person can do; may be empty
	Err    error
}

func (e *Error) Error() string {
	if e.Advice == "" {
		return fmt.Sprintf("%s the store %s: %v", e.Doing, e.URL, e.Err)
	}
	return fmt.Sprintf("%s the store %s: %v: %s", e.Doing, e.URL, e.Err, e.Advice)
}

// Public returns what may be told to whoever calls a service: the text of the
// kind alone.
func (e *Error) Public() string { return e.Kind.String() }

// Unwrap returns what was said.
func (e *Error) Unwrap() error { return e.Err }

// PoolerError says that a connection pooler stands before the server.
type PoolerError struct {
	URL         string
	Connections string // how many Ringhold needs
}

func (e *PoolerError) Error() string {
	return fmt.Sprintf("open the store %s: a connection pooler such as pgbouncer answers there, and each writer needs a session of its own "+
		"(a lost connection must be the end of what was sent on it): give the address of PostgreSQL itself; %s", e.URL, e.Connections)
}

// explain wraps err with what can be done about it. Errors that are explained
// already, and that of a context that its owner has ended, are left alone.
func (s *Store) explain(doing string, err error) error {
	var done *Error
	var pooler *PoolerError
	if err == nil || errors.Is(err, context.Canceled) || errors.As(err, &done) || errors.As(err, &pooler) {
		return err
	}
	kind, advice := s.classify(err)
	return &Error{Kind: kind, Doing: doing, URL: s.url, Advice: advice, Err: err}
}

func (s *Store) classify(err error) (Kind, string) {
	var pg *pgconn.PgError
	if errors.Is(err, errPoolBusy) {
		return Other, "allow more connections for reads, or see what keeps them"
	}
	if !errors.As(err, &pg) {
		var c *pgconn.ConnectError
		if errors.As(err, &c) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
			return Unreachable, "see that the server runs, that it listens there, and that the network lets this process through"
		}
		return Other, ""
	}
	switch {
	case strings.HasPrefix(pg.Code, "28"):
		return Unauthorized, fmt.Sprintf("look at the role %q, its password, and pg_hba.conf", s.config.User)
	case pg.Code == "3D000":
		return NoDatabase, fmt.Sprintf("create the database %q", s.config.Database)
	case pg.Code == "53300":
		return TooManyConnections, "raise max_connections, or the limit of the role or the database; " + s.connections()
	case pg.Code == "53100":
		return DiskFull, "the server's disk is full: make room; nothing that was acknowledged is lost"
	case pg.Code == stateReadOnly:
		return ReadOnly, namePrimary
	case pg.Code == "42501":
		return MissingRight, s.grants()
	case interrupted(err):
		return Interrupted, "nothing was stored, and it may be tried again"
	case pg.Code == "57P01", pg.Code == "57P02", pg.Code == "57P03":
		return ShuttingDown, "the server starts or stops: it is tried again"
	}
	return Other, ""
}

func (s *Store) grants() string {
	return strings.Join(Grants(s.schema, s.config.User), "; ") + "; who migrates needs CREATE on the schema as well, and on the database if the schema is not there"
}

func (s *Store) connections() string {
	return fmt.Sprintf("a process needs a connection for each writer, 1 for renewals, up to %d for reads, and 2 more while it deposes a member", s.reads.limit())
}

// sqlState returns the server's code, or nothing.
func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// aborted reports whether err is the server's word that a statement failed, and
// with it its transaction. An end of the session is not: it may come in the
// middle of a commit.
func aborted(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR"
}
