package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// home is the schema where fill leaves its table: a table of another size stays.
func (f *fill) home() string { return fmt.Sprintf("ringhold_bench_filled_%d", f.total()) }

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
	f := newFill(p, b.events)
	p.schema = f.home()
	if p.url, err = b.server.schemaURL(p.schema); err != nil {
		return err
	}
	schema, err := f.filled(ctx)
	if err != nil {
		return err
	}
	if schema != "" {
		r.how("%s holds %s events already.", schema, number(float64(f.total())))
		return nil
	}
	if err := p.close(); err != nil { // what an interrupted run has left
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

// adopt puts the filled table into a place that the store's own migration has
// just made, so that functions and all other tables are those of today, and
// takes over the epochs of the table's slots. A table that is another one than
// the store makes now is refused.
func (f *fill) adopt(ctx context.Context, from string) error {
	p := f.place
	if err := p.migrate(ctx); err != nil {
		return err
	}
	was, err := p.b.server.shape(ctx, from)
	if err != nil {
		return err
	}
	is, err := p.b.server.shape(ctx, p.schema)
	if err != nil {
		return err
	}
	if was != is {
		return fmt.Errorf("%s.events was filled by another version of the store, with other columns or indexes: drop the schema and fill again\nit has\n%s\nthe store makes\n%s", from, was, is)
	}
	err = p.b.server.exec(ctx, fmt.Sprintf(`DO $$ BEGIN DROP TABLE %s.events CASCADE; ALTER TABLE %s.events SET SCHEMA %s; END $$`, p.schema, from, p.schema))
	if err != nil {
		return err
	}
	p.home = f.home()
	err = p.b.server.exec(ctx, fmt.Sprintf(`INSERT INTO %s.slots (service_group, slot, epoch)
		SELECT '%s', s.slot, e.epoch FROM generate_series(0, %d) AS s(slot) CROSS JOIN LATERAL (
			SELECT e.epoch FROM %s.events AS e WHERE e.service_group = '%s' AND e.slot = s.slot ORDER BY e.slot_offset DESC LIMIT 1) AS e`,
		p.schema, growthGroup, slots-1, p.schema, growthGroup))
	if err != nil {
		return err
	}
	stored, err := p.events(ctx, nil, growthGroup)
	f.added = stored - f.total()
	return err
}

// giveBack moves adopted events to their home, with what measurements have added.
func (p *place) giveBack(ctx context.Context) error {
	return errors.Join(
		p.b.server.exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+p.home),
		p.b.server.exec(ctx, `ALTER TABLE `+p.schema+`.events SET SCHEMA `+p.home),
	)
}

// shape tells the columns, settings and indexes of a schema's events.
func (s *server) shape(ctx context.Context, schema string) (text string, err error) {
	err = s.conn.QueryRow(ctx, `SELECT concat_ws(E'\n',
		(SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attcollation::regcollation), ', ' ORDER BY attnum)
			FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
		c.reloptions::text,
		(SELECT string_agg(replace(pg_get_indexdef(indexrelid), $1 || '.', ''), E'\n' ORDER BY indexrelid::regclass::text)
			FROM pg_index WHERE indrelid = c.oid))
		FROM pg_class AS c WHERE c.oid = ($1 || '.events')::regclass`, schema).Scan(&text)
	if err != nil {
		return "", fmt.Errorf("look at %s.events: %w", schema, err)
	}
	return text, nil
}
