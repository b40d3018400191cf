package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver that the store uses too

	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/memory"
	"github.com/ringhold/ringhold/store/postgres"
	"github.com/ringhold/ringhold/store/sqlite"
)

// The stores.
const (
	inMemory   = "memory"
	onSQLite   = "sqlite"
	onPostgres = "postgres"
)

// place is an empty database of its own for a measurement: a schema of the
// server, a folder, or nothing.
type place struct {
	b      *bench
	store  string // its kind
	dir    string // of SQLite
	schema string // of PostgreSQL
	url    string // with the schema as search path

	home string // of events that were adopted: close first moves them there
}

// newPlace makes an empty place; leave it with close.
func (b *bench) newPlace(ctx context.Context, kind string) (*place, error) {
	p := &place{b: b, store: kind}
	switch kind {
	case onSQLite:
		dir, err := b.folder("sqlite")
		if err != nil {
			return nil, err
		}
		p.dir = dir
	case onPostgres:
		s, err := b.postgres(ctx)
		if err != nil {
			return nil, err
		}
		b.schemas++
		p.schema = fmt.Sprintf("ringhold_bench_%d_%d", os.Getpid(), b.schemas)
		if p.url, err = s.schemaURL(p.schema); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// close removes the place and all that is in it.
func (p *place) close() error {
	switch p.store {
	case onSQLite:
		return os.RemoveAll(p.dir)
	case onPostgres:
		ctx := context.Background() // also when the benchmark is interrupted
		if p.home != "" {
			if err := p.giveBack(ctx); err != nil {
				return err // what is not moved is not dropped either
			}
		}
		return errors.Join(
			p.b.server.exec(ctx, `DROP SCHEMA IF EXISTS `+p.schema+` CASCADE`),
			p.b.server.exec(ctx, `CHECKPOINT`), // so that the next run does not pay for it
		)
	}
	return nil
}

func (p *place) sqliteFile() string { return filepath.Join(p.dir, "ringhold.db") }

// open opens the place's store for a group.
func (p *place) open(ctx context.Context, group string) (store.Store, error) {
	switch p.store {
	case onSQLite:
		return sqlite.Open(ctx, sqlite.Config{Path: p.sqliteFile(), Group: group, Migrate: true})
	case onPostgres:
		return postgres.Open(ctx, postgres.Config{URL: p.url, Group: group, Migrate: true})
	case inMemory:
		return memory.New(memory.Config{Group: group}), nil
	}
	return nil, fmt.Errorf("there is no store %q", p.store)
}

// events counts the stored events of a group; s is the store that holds them.
func (p *place) events(ctx context.Context, s store.Store, group string) (n int64, err error) {
	const count = `SELECT count(*) FROM events WHERE service_group = `
	switch p.store {
	case onPostgres:
		err = p.b.server.conn.QueryRow(ctx, `SELECT count(*) FROM `+p.schema+`.events WHERE service_group = $1`, group).Scan(&n)
	case onSQLite:
		var db *sql.DB
		if db, err = sql.Open("sqlite", p.sqliteFile()+"?mode=ro"); err == nil {
			err = errors.Join(db.QueryRowContext(ctx, count+"?", group).Scan(&n), db.Close())
		}
	default:
		n, err = listed(ctx, s)
	}
	if err != nil {
		return 0, fmt.Errorf("count the stored events: %w", err)
	}
	return n, nil
}

// listed counts the events of a store by its streams, none of which was deleted.
func listed(ctx context.Context, s store.Store) (n int64, err error) {
	q := store.StreamQuery{Limit: 1000}
	for {
		page, err := s.ListStreams(ctx, q)
		if err != nil || len(page) == 0 {
			return n, err
		}
		for _, one := range page {
			n += int64(one.Version) + 1
		}
		q.After = page[len(page)-1].Stream
	}
}

// migrate makes the store's tables.
func (p *place) migrate(ctx context.Context) error {
	s, err := p.open(ctx, rawGroup)
	if err != nil {
		return fmt.Errorf("make the tables of the %s store: %w", p.store, err)
	}
	return s.Close()
}

// storeOne has a host store one command, whose row is an example to bare clients.
func (p *place) storeOne(ctx context.Context, of *ids) error {
	h, err := p.host(ctx, setup{group: rawGroup, ids: of})
	if err != nil {
		return err
	}
	return errors.Join(h.client().deposit(0), h.close(ctx))
}
