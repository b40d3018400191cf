package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/ringhold/ringhold/store"
)

// Schema is this binary's schema number.
const Schema = 1

//go:embed migrations/*.sql
var migrations embed.FS

// migrationsTable says which migrations have run. It is not the one that the
// application's own migrations have in a schema that they share.
const migrationsTable = "ringhold_migrations"

// schemaRow is the row that says what the schema needs.
type schemaRow struct{ version, minBinary int }

// migrate makes the schema and brings it to this binary's. A lock lets one
// process migrate at a time; the others find it done.
func (s *Store) migrate(ctx context.Context, se *session) error {
	if _, err := text(ctx, se, `SELECT pg_advisory_lock(hashtextextended('ringhold migrates ' || $1, 0))`, s.schema); err != nil {
		return fmt.Errorf("wait for other processes that migrate: %w", err)
	}
	at, err := s.describe(ctx, se)
	if err != nil {
		return err
	}
	row, err := s.schemaRow(ctx, se, at)
	if err != nil {
		return err
	}
	if row.minBinary > Schema {
		return &store.SchemaError{Version: row.version, MinBinary: row.minBinary, Binary: Schema}
	}
	if row.version >= Schema {
		return nil
	}
	if !at.hasSchema {
		if _, err := se.conn.Exec(ctx, `CREATE SCHEMA `+quote(s.schema)).ReadAll(); err != nil {
			return fmt.Errorf("create the schema: %w", err)
		}
	}
	if err := s.applyMigrations(ctx); err != nil {
		return err
	}
	if row, err = s.schemaRow(ctx, se, place{hasTables: true}); err != nil {
		return err
	}
	if row.version < Schema {
		return fmt.Errorf("all migrations are said to have run, and the schema %s has number %d, not %d: look at its table %s", s.schema, row.version, Schema, migrationsTable)
	}
	return nil
}

// applyMigrations runs those that the schema does not have yet, each in a
// transaction.
func (s *Store) applyMigrations(ctx context.Context) (err error) {
	c, err := pgx.ParseConfig(s.raw)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	c.Config = *s.config.Copy()
	c.RuntimeParams["search_path"] = quote(s.schema)
	c.RuntimeParams["application_name"] = "ringhold migrates"
	db := stdlib.OpenDB(*c)
	db.SetMaxOpenConns(2)
	defer func() { err = errors.Join(err, db.Close()) }()
	return runMigrations(ctx, db, migrations)
}

func runMigrations(ctx context.Context, db *sql.DB, files fs.FS) error {
	files, err := fs.Sub(files, "migrations")
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(migrationsTable),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		var partial *goose.PartialError
		if errors.As(err, &partial) {
			return fmt.Errorf("migrate with %s: %w", partial.Failed.Source.Path, partial.Err)
		}
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
