package postgres

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// DefaultSchema holds the tables where the URL's search_path names no schema.
const DefaultSchema = "ringhold"

const (
	defaultReadConnections = 4
	defaultWriteTimeout    = 10 * time.Second
	defaultConnectTimeout  = 10 * time.Second
	readTimeout            = time.Minute // of one read, with a server that has gone silent
)

// Config says where a group is kept.
type Config struct {
	// URL names the server, the database and the role, as libpq does:
	// postgres://role:password@host:5432/database?search_path=schema. The tables
	// are in the first schema of search_path, by default "ringhold".
	URL string
	// Group is the identity of the AggregateService. A schema may hold several.
	Group string
	// Migrate lets Open make the schema, or bring an older one to this binary's.
	// Otherwise such a schema is refused with a *store.SchemaError.
	Migrate bool
	// ReadOnly opens the group for reading alone, so a standby will do. Nothing
	// can be written, no member can join, and Migrate is refused.
	ReadOnly bool
	// Logger is told what nobody is answered with, such as sessions that were
	// terminated. Nil: nobody.
	Logger *slog.Logger
	// ReadConnections bounds the connections for reads; by default 4.
	ReadConnections int
	// WriteTimeout bounds a write that has begun; by default 10 s. One that has
	// no answer by then has an unknown outcome.
	WriteTimeout time.Duration
}

// Validate reports all faults of c at once.
func (c Config) Validate() error {
	var errs []error
	if c.URL == "" {
		errs = append(errs, errors.New("postgres: the URL of the database is missing"))
	}
	if c.Group == "" || strings.ContainsRune(c.Group, 0) {
		errs = append(errs, fmt.Errorf("postgres: the group %q: a name without NUL is needed", c.Group))
	}
	if c.ReadConnections < 0 || c.WriteTimeout < 0 {
		errs = append(errs, fmt.Errorf("postgres: %d connections for reads and a write timeout of %s: neither can be negative", c.ReadConnections, c.WriteTimeout))
	}
	if c.ReadOnly && c.Migrate {
		errs = append(errs, errors.New("postgres: a store that is opened for reading cannot be migrated"))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.ReadConnections == 0 {
		c.ReadConnections = defaultReadConnections
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = defaultWriteTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// parseURL returns how to connect, without a search_path, and the schema.
func parseURL(raw string) (*pgconn.Config, string, error) {
	if ambiguous(raw) {
		return nil, "", &Error{Kind: Malformed, Doing: "read the URL of", URL: redact(raw), Err: errors.New("nobody can tell for certain where its password ends"),
			Advice: "write these characters of a password as % and two digits: % as %25, @ as %40, / as %2F, ? as %3F, # as %23, & as %26; or leave it to PGPASSWORD"}
	}
	config, err := pgconn.ParseConfig(raw)
	if err != nil {
		return nil, "", &Error{Kind: Malformed, Doing: "read the URL of", URL: redact(raw), Err: errors.New(scrub(raw, err.Error()))}
	}
	if strings.Contains(config.RuntimeParams["options"], "search_path") {
		return nil, "", &Error{Kind: Malformed, Doing: "read the URL of", URL: redact(raw), Err: errors.New("search_path stands within options"),
			Advice: "give it as a parameter of its own: ?search_path=schema"}
	}
	schema := firstSchema(config.RuntimeParams["search_path"])
	if schema == "$user" {
		return nil, "", &Error{Kind: Malformed, Doing: "read the URL of", URL: redact(raw), Err: errors.New("search_path begins with $user, which is another schema for each role"),
			Advice: "name the schema that holds Ringhold's tables"}
	}
	delete(config.RuntimeParams, "search_path")
	for name := range config.RuntimeParams {
		if strings.HasPrefix(name, "pool_") { // of pgxpool, in URLs that are shared with others
			delete(config.RuntimeParams, name)
		} else if !isSetting(name) {
			return nil, "", &Error{Kind: Malformed, Doing: "read the URL of", URL: unnamed, Err: errors.New("it has a parameter whose name no setting has; it may be part of a password"),
				Advice: "in a URL, write characters of a password that are neither letters nor digits as % and two digits; among keywords and values, put it in single quotes"}
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = defaultConnectTimeout
	}
	return config, schema, nil
}

// firstSchema returns the first name of a search_path, without its quotes.
func firstSchema(path string) string {
	path = strings.TrimSpace(path)
	if rest, ok := strings.CutPrefix(path, `"`); ok {
		var name strings.Builder
		for {
			part, more, _ := strings.Cut(rest, `"`)
			name.WriteString(part)
			if !strings.HasPrefix(more, `"`) {
				return name.String()
			}
			name.WriteByte('"') // doubled: a quote in the name
			rest = more[1:]
		}
	}
	name, _, _ := strings.Cut(path, ",")
	if name = strings.ToLower(strings.TrimSpace(name)); name == "" {
		return DefaultSchema
	}
	return name
}

// quote quotes an SQL name.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
