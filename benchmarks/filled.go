package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// filledSchema is where fill leaves its table.
const filledSchema = "ringhold_bench_filled"

// mark is the comment on a table of events that is filled. Growth looks for it,
// in whatever schema, so that a table is found too that an interrupted run left
// elsewhere.
func (f *fill) mark() string {
	return fmt.Sprintf("ringhold benchmark: filled with %d events", f.total())
}

// filled returns the schema of the filled table that was kept, "" if there is none.
func (f *fill) filled(ctx context.Context) (schema string, err error) {
	err = f.place.b.server.conn.QueryRow(ctx, `SELECT relnamespace::regnamespace::text FROM pg_class
		WHERE relname = 'events' AND relkind = 'r' AND obj_description(oid, 'pg_class') = $1 LIMIT 1`, f.mark()).Scan(&schema)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("look for a table that is filled: %w", err)
	}
	return schema, nil
}

// fillOnly fills a table and leaves it on the server for growth.
func fillOnly(ctx context.Context, b *bench, r *result) error {
	r.aside = true
	p, err := b.newPlace(ctx, onPostgres)
	if err != nil {
		return err
	}
	if b.server.own != nil {
		return fmt.Errorf("the server that is started here ends with the run, and its data: set $%s to one that stays", postgresEnv)
	}
	p.schema = filledSchema
	if p.url, err = b.server.schemaURL(p.schema); err != nil {
		return err
	}
	f := newFill(p, b.events)
	schema, err := f.filled(ctx)
	if err != nil {
		return err
	}
	if schema != "" {
		r.how("%s holds %s events already.", schema, number(float64(f.total())))
		return nil
	}
	if err := p.close(); err != nil { // what an interrupted run, or one of another number, has left
		return err
	}
	if err := f.run(ctx); err != nil {
		return errors.Join(err, p.close())
	}
	if err := b.server.exec(ctx, `COMMENT ON TABLE `+p.schema+`.events IS '`+f.mark()+`'`); err != nil {
		return err
	}
	r.how("%s events are in %s; growth with the same -events uses them.", number(float64(f.total())), p.schema)
	return f.describe(ctx, r)
}
