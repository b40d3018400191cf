package shard

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringhold/ringhold/store"
)

// explainStore makes one sentence of what a store says: what is wrong, and what
// mends it. What it does not know it returns as it is. It never holds a password.
func explainStore(err error) error {
	var locked *store.LockedError
	var fault *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &locked):
		return fmt.Errorf("%w: end it first, or choose another directory with --data", err)
	case errors.As(err, &fault):
		if text := remedy(fault); text != "" {
			return &storeFault{text: fmt.Sprintf("PostgreSQL: %s: %s", fault.Message, text), cause: err}
		}
	case errors.As(err, &connect):
		if text := unreached(connect); text != "" {
			return &storeFault{text: text, cause: err}
		}
	}
	return err
}

// storeFault is an error of a store in the words of who has to mend it.
type storeFault struct {
	text  string
	cause error
}

func (e *storeFault) Error() string { return e.text }

func (e *storeFault) Unwrap() error { return e.cause }

// remedy says what mends an error of the server; empty if that is not known.
func remedy(e *pgconn.PgError) string {
	switch e.Code {
	case "28P01": // invalid_password
		return "correct the password in the URL, in PGPASSWORD or in the password file (PGPASSFILE)"
	case "28000": // invalid_authorization_specification
		return "the server lets this role not in from here: see its pg_hba.conf, and the role's name in the URL"
	case "3D000": // invalid_catalog_name
		return "create the database (CREATE DATABASE …) or correct its name in the URL"
	case "3F000": // invalid_schema_name
		return "run `ringhold migrate` with the same --store"
	case "42501": // insufficient_privilege
		return "grant it, as `ringhold migrate` prints it, or run `ringhold migrate --role ROLE` as the owner of the schema"
	case "25006": // read_only_sql_transaction
		return "the database takes no writes: give the URL of the primary, or end its read-only mode (default_transaction_read_only)"
	case "53100": // disk_full
		return "free space on the database's disk; Ringhold goes on by itself then"
	case "53300": // too_many_connections
		return "raise max_connections (or the role's CONNECTION LIMIT), or end other clients; Ringhold goes on by itself then"
	case "57P03": // cannot_connect_now
		return "the server starts or stops: it is tried again"
	}
	return ""
}

// unreached says what mends a failed connection.
func unreached(e *pgconn.ConnectError) string {
	text := e.Error()
	place := text
	if at := strings.Index(text, "`: "); at >= 0 {
		place = text[:at+1]
	}
	switch {
	case strings.Contains(text, "connection refused"):
		return place + ": connection refused: is the server there, and are host and port of the URL right?"
	case strings.Contains(text, "no such host"), strings.Contains(text, "hostname resolving"):
		return place + ": there is no such host: correct it in the URL"
	case errors.Is(e, context.DeadlineExceeded), strings.Contains(text, "i/o timeout"):
		return place + ": no answer in time: do a firewall and the server let this machine through?"
	}
	return ""
}

// redacted is a store's address as it may be printed: without a password.
func redacted(address string) string {
	if !strings.Contains(address, "://") { // a scheme that is mistyped has a password too
		return address
	}
	u, err := url.Parse(address)
	if err != nil { // the error would show it
		scheme, _, _ := strings.Cut(address, ":")
		return scheme + "://…"
	}
	q := u.Query()
	for _, secret := range []string{"password", "sslpassword"} {
		if q.Has(secret) {
			q.Set(secret, "xxxxx")
			u.RawQuery = q.Encode()
		}
	}
	return u.Redacted()
}
