package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// Schema is this binary's schema number: that of its newest migration.
const Schema = 1

//go:embed migrations/*.sql
var migrations embed.FS

// schemaRow is the row that says what the file needs.
type schemaRow struct{ version, minBinary int }

// prepareSchema marks the file as Ringhold's and brings it to this binary's
// schema. The mark goes first: a migration that does not end leaves a file that
// the next one goes on with.
func prepareSchema(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d`, applicationID)); err != nil {
		return fmt.Errorf("mark the file: %w", err)
	}
	return applyMigrations(ctx, db, migrations)
}

// readSchema returns zeros for a file without a schema.
func readSchema(ctx context.Context, db *sql.DB) (row schemaRow, err error) {
	var tables int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema'`).Scan(&tables); err != nil {
		return row, fmt.Errorf("read the schema: %w", err)
	}
	if tables == 0 {
		return row, nil
	}
	err = db.QueryRowContext(ctx, `SELECT version, min_binary FROM schema`).Scan(&row.version, &row.minBinary)
	if err != nil {
		return row, fmt.Errorf("read the schema row: %w", err)
	}
	return row, nil
}

// applyMigrations runs those that the file does not have yet, each in a
// transaction.
func applyMigrations(ctx context.Context, db *sql.DB, files fs.FS) error {
	files, err := fs.Sub(files, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
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
