package shard

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/postgres"
)

// What only the server's words tell is told, advice is given where it fits, and what
// was wrong can be asked for.
func TestExplain_Keeps(t *testing.T) {
	fault := func(code, text, detail, advice string) *postgres.Error {
		return &postgres.Error{Doing: "open", URL: "postgres://h/db", Err: &pgconn.PgError{Code: code, Message: text, Detail: detail}, Advice: advice}
	}
	for want, e := range map[string]*postgres.Error{
		"open the store postgres://h/db: it failed (for a reason): mend it": fault("XX000", "it failed", "for a reason", "mend it"),
		"open the store postgres://h/db: denied: GRANT x":                   fault("42501", "denied", "a detail", "GRANT x"),
		"open the store postgres://h/db: no such type":                      fault("42704", "no such type", "", ""),
		"open the store postgres://h/db: two lines":                         fault("XX000", "two\n\tlines", "", ""),
	} {
		err := explainStore(fmt.Errorf("layers: %w", e))
		var server *pgconn.PgError
		if err.Error() != want || !errors.As(err, &server) {
			t.Errorf("it says %q, want %q", err, want)
		}
	}
	for _, code := range []string{"3F000", "42P01", "42883"} {
		if text := explainStore(fault(code, "it is not there", "", "")).Error(); !strings.Contains(text, "not whole any more: run `ringhold migrate`") {
			t.Errorf("%s: it says %q", code, text)
		}
	}
	named := fault("3D000", `database "x" does not exist`, "", "create it")
	named.URL = "postgres://h/x"
	if text := explainStore(named).Error(); strings.Contains(text, "it names none") {
		t.Errorf("of a URL with a database it says %q", text)
	}
	var schema *store.SchemaError
	if err := explainStore(&store.SchemaError{Binary: 1}); !errors.As(err, &schema) || !strings.Contains(err.Error(), "has no schema of Ringhold's yet") {
		t.Errorf("without a schema it says %v", err)
	}
	locked := &store.LockedError{}
	if err := explainStore(locked); !errors.Is(err, locked) || !strings.Contains(err.Error(), "end it first") {
		t.Errorf("of a locked store it says %v", err)
	}
}

// Each fault of a store is one line with advice of its own.
func TestExplain(t *testing.T) {
	const at = "postgres://me@db.example/shop"
	server := func(code, text string) error { return &pgconn.PgError{Code: code, Message: text} }
	for want, e := range map[string]*postgres.Error{
		"no such host: look at the host in the URL":            {URL: at, Err: fmt.Errorf("failed to connect to `user=me`:\n\thostname resolving error: %w", &net.DNSError{Err: "no such host", Name: "db.example"}), Advice: "see that the server runs"},
		"refused TLS: turn ssl on there":                       {URL: at, Err: errors.New("failed to connect to `user=me`:\n\tdb.example: tls error: server refused TLS connection"), Advice: "see that the server runs"},
		"it stands in the query of the URL":                    {URL: at, Err: server("42704", `unrecognized configuration parameter "sslmod"`)},
		"the one with the role's name is used":                 {URL: "postgres://me@db.example", Kind: postgres.NoDatabase, Err: server("3D000", `database "me" does not exist`), Advice: `create the database "me"`},
		"run `ringhold migrate`":                               {URL: at, Err: server("42883", "function append_v1 does not exist")},
		"it is read-only: the server takes no writes":          {URL: at, Kind: postgres.ReadOnly, Err: errors.New("the server takes no writes"), Advice: "name the primary"},
		`database "x" does not exist: create the database "x"`: {URL: at, Kind: postgres.NoDatabase, Err: server("3D000", `database "x" does not exist`), Advice: `create the database "x"`},
	} {
		e.Doing = "open"
		text := explainStore(fmt.Errorf("layers: %w", e)).Error()
		if !strings.Contains(text, want) || strings.ContainsAny(text, "\n\t") || strings.Count(text, "db.example") != 1 {
			t.Errorf("it says %q, want %q", text, want)
		}
	}
}
