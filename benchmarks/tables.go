package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// totalSize returns what the events take with their indexes.
func (p *place) totalSize(ctx context.Context) (n int64, err error) {
	if err = p.b.server.conn.QueryRow(ctx, `SELECT pg_total_relation_size($1::regclass)`, p.schema+".events").Scan(&n); err != nil {
		return 0, fmt.Errorf("ask the server for sizes: %w", err)
	}
	return n, nil
}

// describe adds the sizes of table and indexes, and what was found in buffers.
func (f *fill) describe(ctx context.Context, r *result) error {
	t, err := f.place.sizes(ctx, number(float64(f.total()+f.added)))
	if err != nil {
		return err
	}
	r.Tables = append(r.Tables, t)
	return nil
}

// sizes tells how big the events and their indexes are, and how often they were
// found among the server's buffers so far.
func (p *place) sizes(ctx context.Context, events string) (t table, err error) {
	rows, err := p.b.server.conn.Query(ctx, `
		SELECT 'events', pg_table_size(relid), heap_blks_hit, heap_blks_read FROM pg_statio_user_tables WHERE relid = $1::regclass
		UNION ALL
		SELECT indexrelname, pg_relation_size(indexrelid), idx_blks_hit, idx_blks_read FROM pg_statio_user_indexes WHERE relid = $1::regclass
		ORDER BY 2 DESC`, p.schema+".events")
	if err != nil {
		return t, fmt.Errorf("ask the server for sizes: %w", err)
	}
	t = table{Title: "Sizes at " + events + " events", Columns: []string{"", "size", "buffer hits", "reads", "hit rate"}}
	t.Rows, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]string, error) {
		var name string
		var bytes, hit, read int64
		if err := row.Scan(&name, &bytes, &hit, &read); err != nil {
			return nil, err
		}
		rate := "–"
		if hit+read > 0 {
			rate = fmt.Sprintf("%.2f %%", 100*float64(hit)/float64(hit+read))
		}
		return []string{name, size(bytes), number(float64(hit)), number(float64(read)), rate}, nil
	})
	if err != nil {
		return t, fmt.Errorf("ask the server for sizes: %w", err)
	}
	return t, nil
}

// vacuums tells what autovacuum did and left, for each table with rows.
func (p *place) vacuums(ctx context.Context) (t table, err error) {
	rows, err := p.b.server.conn.Query(ctx, `
		SELECT relname, pg_total_relation_size(relid), n_tup_ins, n_tup_upd, n_tup_hot_upd, n_live_tup, n_dead_tup, autovacuum_count, autoanalyze_count
		FROM pg_stat_user_tables WHERE schemaname = $1 AND n_tup_ins + n_tup_upd > 0 ORDER BY 2 DESC`, p.schema)
	if err != nil {
		return t, fmt.Errorf("ask the server for its vacuums: %w", err)
	}
	t = table{Title: "What the server counts", Columns: []string{"table", "size with indexes", "inserted", "updated", "of it HOT", "live", "dead", "autovacuums", "autoanalyzes"}}
	t.Rows, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]string, error) {
		var name string
		n := make([]int64, 8)
		if err := row.Scan(&name, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7]); err != nil {
			return nil, err
		}
		cells := []string{name, size(n[0])}
		for _, one := range n[1:] {
			cells = append(cells, number(float64(one)))
		}
		return cells, nil
	})
	if err != nil {
		return t, fmt.Errorf("ask the server for its vacuums: %w", err)
	}
	return t, nil
}

// dead tells what pgstattuple finds, where the server has it; ok is false if not.
func (p *place) dead(ctx context.Context) (t table, ok bool, err error) {
	conn := p.b.server.conn
	if err := conn.QueryRow(ctx, `SELECT count(*) = 1 FROM pg_available_extensions WHERE name = 'pgstattuple'`).Scan(&ok); err != nil || !ok {
		return t, false, err
	}
	if err := p.b.server.exec(ctx, `CREATE EXTENSION IF NOT EXISTS pgstattuple`); err != nil {
		return t, false, err
	}
	t = table{Title: "What pgstattuple finds", Columns: []string{"", "size", "dead rows", "dead bytes", "free", "density of leaves", "fragmentation"}}
	rows, err := conn.Query(ctx, `SELECT relname, pg_relation_size(c.oid), d.dead_tuple_count, d.dead_tuple_len, d.approx_free_percent
		FROM pg_class c, pgstattuple_approx(c.oid) d WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND relpersistence = 'p' AND reltuples <> 0 ORDER BY 2 DESC`, p.schema)
	if err != nil {
		return t, false, fmt.Errorf("look for dead rows: %w", err)
	}
	t.Rows, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]string, error) {
		var name string
		var bytes, count, length int64
		var free float64
		err := row.Scan(&name, &bytes, &count, &length, &free)
		return []string{name, size(bytes), number(float64(count)), size(length), fmt.Sprintf("%.1f %%", free), "–", "–"}, err
	})
	if err != nil {
		return t, false, fmt.Errorf("look for dead rows: %w", err)
	}
	rows, err = conn.Query(ctx, `SELECT c.relname, pg_relation_size(c.oid), d.avg_leaf_density, d.leaf_fragmentation
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid, pgstatindex(c.oid) d
		WHERE i.indrelid = $1::regclass AND pg_relation_size(c.oid) > 65536 ORDER BY 2 DESC`, p.schema+".events")
	if err != nil {
		return t, false, fmt.Errorf("look into the indexes: %w", err)
	}
	indexes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]string, error) {
		var name string
		var bytes int64
		var density, fragmentation float64
		err := row.Scan(&name, &bytes, &density, &fragmentation)
		return []string{name, size(bytes), "–", "–", "–", fmt.Sprintf("%.1f %%", density), fmt.Sprintf("%.1f %%", fragmentation)}, err
	})
	if err != nil {
		return t, false, fmt.Errorf("look into the indexes: %w", err)
	}
	t.Rows = append(t.Rows, indexes...)
	return t, true, nil
}

// quiet waits until autovacuum has left the place's tables alone for a while, at
// most so long.
func (p *place) quiet(ctx context.Context, most time.Duration) error {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for began, free := time.Now(), 0; free < 5 && time.Since(began) < most; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		var busy bool
		err := p.b.server.conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_stat_progress_vacuum v JOIN pg_class c ON c.oid = v.relid
			WHERE c.relnamespace = $1::regnamespace)`, p.schema).Scan(&busy)
		if err != nil {
			return fmt.Errorf("wait for autovacuum: %w", err)
		}
		if free++; busy {
			free = 0
		}
	}
	return nil
}
