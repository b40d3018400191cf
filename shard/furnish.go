package shard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/postgres"
)

// furniture works on the schema of a store for people and roles.
type furniture struct {
	store   *postgres.Store
	conn    *pgx.Conn
	place   postgres.Place
	streams []string // that have views
	out     io.Writer
}

// furnish makes a view for each stream, grants a role what it needs, and says
// what is there.
func furnish(ctx context.Context, out io.Writer, address string, m *v1alpha1.AggregateService, role string) (err error) {
	s, err := openStore(ctx, opening{address: address, group: m.Group(), owner: "ringhold migrate"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return arrange(ctx, out, address, s, func(f *furniture) error {
		for _, one := range m.Spec.Streams {
			if err := f.view(ctx, one.Name); err != nil {
				return err
			}
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
func makeViews(ctx context.Context, address string, s store.Store, m *v1alpha1.AggregateService) error {
	err := arrange(ctx, io.Discard, address, s, func(f *furniture) error {
		for _, one := range m.Spec.Streams {
			// One that is there stays: who reads it keeps others from making it again.
			var there bool
			if err := f.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
				WHERE n.nspname = $1 AND c.relname = $2)`, f.place.Schema, one.Name).Scan(&there); err != nil {
				return err
			}
			if there {
				continue
			}
			if err := f.view(ctx, one.Name); err != nil {
				return err
			}
		}
		return nil
	})
	var denied *pgconn.PgError
	if errors.As(err, &denied) && denied.Code == "42501" { // who migrates makes them
		return nil
	}
	return err
}

// arrange connects for as long as do takes.
func arrange(ctx context.Context, out io.Writer, address string, s store.Store, do func(*furniture) error) (err error) {
	opened, ok := s.(*postgres.Store)
	if !ok {
		return fmt.Errorf("a store of this kind (%T) has no schema to arrange", s)
	}
	place, err := postgres.ReadURL(address)
	if err != nil {
		return err
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return fmt.Errorf("read --store %s: it cannot be used as a URL of PostgreSQL", redacted(address)) // the error may hold the password
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	return do(&furniture{store: opened, conn: conn, place: place, out: out})
}

// view makes the view of a stream.
func (f *furniture) view(ctx context.Context, stream string) error {
	err := f.store.CreateStreamView(ctx, message.StreamName(stream))
	if errors.Is(err, postgres.ErrNameTaken) {
		_, err = fmt.Fprintf(f.out, "stream %s has no view of its name, which something else in schema %s has: SELECT * FROM %s.streams WHERE name = '%s'\n",
			stream, f.place.Schema, quoted(f.place.Schema), stream)
		return err
	}
	if err == nil {
		f.streams = append(f.streams, stream)
	}
	return err
}

// grant gives a role what serving needs.
func (f *furniture) grant(ctx context.Context, role string) error {
	for _, statement := range postgres.Grants(f.place.Schema, role) {
		if _, err := f.conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
		fmt.Fprintf(f.out, "%s;\n", statement)
	}
	return nil
}

// list says what is there and who may use it.
func (f *furniture) list(ctx context.Context) error {
	var me string
	if err := f.conn.QueryRow(ctx, `SELECT current_user`).Scan(&me); err != nil {
		return err
	}
	views := append(postgres.Views(), f.streams...)
	fmt.Fprintf(f.out, "\n  schema  %s\n  tables  %s\n  views   %s\n", f.place.Schema, strings.Join(postgres.Tables(), ", "), strings.Join(views, ", "))
	fmt.Fprintf(f.out, "\nAnother role than %s that serves needs (--role ROLE grants it, after each migration):\n", me)
	for _, statement := range postgres.Grants(f.place.Schema, "ROLE") {
		fmt.Fprintf(f.out, "  %s;\n", statement)
	}
	for i, view := range views {
		views[i] = quoted(f.place.Schema, view)
	}
	_, err := fmt.Fprintf(f.out, `Where processes have a role each, a start has to end what a process of another role left hanging:
  GRANT pg_signal_backend TO "ROLE"; -- by a superuser
A person who reads needs:
  GRANT USAGE ON SCHEMA %s TO "PERSON";
  GRANT SELECT ON %s TO "PERSON";
`, quoted(f.place.Schema), strings.Join(views, ", "))
	return err
}

// explain is explainStore for what opening returned: it says which rights are
// missing to migrate too.
func (o opening) explain(err error) error {
	err = explainStore(err)
	var fault *postgres.Error
	var server *pgconn.PgError
	if !o.migrate || !errors.As(err, &fault) || fault.Kind != postgres.MissingRight || !errors.As(fault.Err, &server) {
		return err
	}
	place, unread := postgres.ReadURL(o.address)
	if unread != nil {
		return err
	}
	schema, role := quoted(place.Schema), quoted(place.Role)
	return &plainFault{text: fmt.Sprintf("migrate the store %s: %s: the role that migrates has to own the schema: as a superuser or the database's owner, CREATE SCHEMA IF NOT EXISTS %s AUTHORIZATION %s; or GRANT CREATE ON DATABASE %s TO %s; or migrate as the role that owns it already",
		fault.URL, server.Message, schema, role, quoted(place.Database), role), cause: err}
}

func quoted(names ...string) string { return pgx.Identifier(names).Sanitize() }
