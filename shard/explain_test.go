package shard

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringhold/ringhold/store/postgres"
)

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
