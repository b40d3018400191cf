package shard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/store/postgres"
)

// streamComment marks the views that Ringhold made for streams: they are its own
// to make again, whatever else has such a name is left alone.
const streamComment = "ringhold: the aggregates of a stream"

// furniture works on the schema of a store for people and roles.
type furniture struct {
	conn   *pgx.Conn
	schema string
	out    io.Writer
	keep   bool // a view that is there stays as it is
}

// furnish makes a view for each stream, grants a role what it needs, and says
// what is there.
func furnish(ctx context.Context, out io.Writer, address string, m *v1alpha1.AggregateService, role string) error {
	return arrange(ctx, out, address, func(f *furniture) error {
		if err := f.views(ctx, m); err != nil {
			return err
		}
		if role != "" {
			if err := f.grant(ctx, role); err != nil {
				return err
			}
		}
		return f.list(ctx)
	})
}

// makeViews makes a view for each stream that has none, if this role may.
func makeViews(ctx context.Context, address string, m *v1alpha1.AggregateService) error {
	err := arrange(ctx, io.Discard, address, func(f *furniture) error {
		f.keep = true
		return f.views(ctx, m)
	})
	var denied *pgconn.PgError
	if errors.As(err, &denied) && denied.Code == "42501" { // who migrates makes them
		return nil
	}
	return err
}

// arrange connects for as long as do takes.
func arrange(ctx context.Context, out io.Writer, address string, do func(*furniture) error) (err error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return fmt.Errorf("read --store %s: it cannot be used as a URL of PostgreSQL", redacted(address)) // the error may hold the password
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	schema, err := schemaOf(ctx, conn, address)
	if err != nil {
		return err
	}
	return do(&furniture{conn: conn, out: out, schema: schema})
}

func (f *furniture) views(ctx context.Context, m *v1alpha1.AggregateService) error {
	for _, s := range m.Spec.Streams {
		if err := f.view(ctx, s.Name); err != nil {
			return err
		}
	}
	return nil
}

// schemaOf returns the schema that the store uses: the first of the URL's
// search_path, as the server reads it.
func schemaOf(ctx context.Context, conn *pgx.Conn, address string) (schema string, err error) {
	if u, err := url.Parse(address); err == nil && u.Query().Get("search_path") == "" {
		return postgres.DefaultSchema, nil
	}
	err = conn.QueryRow(ctx, `SELECT coalesce(current_schema(), '')`).Scan(&schema)
	return schema, err
}

// view makes the view of a stream.
func (f *furniture) view(ctx context.Context, stream string) error {
	var comment *string
	err := f.conn.QueryRow(ctx, `
		SELECT coalesce(obj_description(c.oid, 'pg_class'), '') FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = $2`, f.schema, stream).Scan(&comment)
	switch {
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return err
	case comment != nil && f.keep:
		return nil
	case comment != nil && *comment != streamComment:
		fmt.Fprintf(f.out, "stream %s has no view of its name, which something else in schema %s has: SELECT * FROM %s.streams WHERE name = '%s'\n",
			stream, f.schema, quoted(f.schema), stream)
		return nil
	}
	name := quoted(f.schema, stream)
	// A stream's name is of letters, digits and _: it needs no quoting.
	for _, statement := range []string{
		`CREATE OR REPLACE VIEW ` + name + ` AS SELECT service_group, id, version, deleted, events, first_at, last_at FROM ` +
			quoted(f.schema, "streams") + ` WHERE name = '` + stream + `'`,
		`COMMENT ON VIEW ` + name + ` IS '` + streamComment + `'`,
	} {
		if _, err := f.conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("make the view %s: %w", name, err)
		}
	}
	return nil
}

// grant gives a role what serving needs, now and of tables to come.
func (f *furniture) grant(ctx context.Context, role string) error {
	for _, statement := range f.grants(role) {
		if _, err := f.conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
		fmt.Fprintf(f.out, "%s;\n", statement)
	}
	return nil
}

func (f *furniture) grants(role string) []string {
	schema, to := quoted(f.schema), " TO "+quoted(role)
	return []string{
		"GRANT USAGE ON SCHEMA " + schema + to,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + schema + to,
		"ALTER DEFAULT PRIVILEGES IN SCHEMA " + schema + " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES" + to,
	}
}

// list says what is there and who may use it.
func (f *furniture) list(ctx context.Context) error {
	var tables, views string
	var me string
	err := f.conn.QueryRow(ctx, `
		SELECT coalesce(string_agg(c.relname, ', ' ORDER BY c.relname) FILTER (WHERE c.relkind IN ('r', 'p')), ''),
			coalesce(string_agg(c.relname, ', ' ORDER BY c.relname) FILTER (WHERE c.relkind = 'v'), ''), current_user
		FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1`, f.schema).Scan(&tables, &views, &me)
	if err != nil {
		return err
	}
	fmt.Fprintf(f.out, "\n  schema  %s\n  tables  %s\n  views   %s\n", f.schema, tables, views)
	fmt.Fprintf(f.out, "\nAnother role than %s that serves needs (--role ROLE grants it):\n", me)
	for _, statement := range f.grants("ROLE") {
		fmt.Fprintf(f.out, "  %s;\n", statement)
	}
	_, err = fmt.Fprint(f.out, "Where processes have a role each, a start has to end what a process of another role left hanging:\n  GRANT pg_signal_backend TO \"ROLE\"; -- by a superuser\n")
	return err
}

// explainMigrate says which rights are missing to migrate.
func explainMigrate(err error) error {
	var fault *postgres.Error
	var server *pgconn.PgError
	if !errors.As(err, &fault) || fault.Kind != postgres.MissingRight || !errors.As(fault.Err, &server) {
		return err
	}
	u, parseErr := url.Parse(fault.URL)
	if parseErr != nil {
		return err
	}
	role, schema := u.User.Username(), cmp.Or(u.Query().Get("search_path"), postgres.DefaultSchema)
	return &plainFault{text: fmt.Sprintf("migrate the store %s: %s: the role that migrates has to own the schema: as a superuser or the database's owner, CREATE SCHEMA IF NOT EXISTS %s AUTHORIZATION %s; or GRANT CREATE ON DATABASE %s TO %s; or migrate as the role that owns it already",
		fault.URL, server.Message, quoted(schema), quoted(role), quoted(strings.TrimPrefix(u.Path, "/")), quoted(role)), cause: err}
}

func quoted(names ...string) string { return pgx.Identifier(names).Sanitize() }
