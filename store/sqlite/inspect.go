package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/ringhold/ringhold/store"
)

// applicationID is in the header of each of Ringhold's files: "Rngh".
const applicationID = 'R'<<24 | 'n'<<16 | 'g'<<8 | 'h'

var errForeign = errors.New("it is a SQLite database of another program")

// inspect finds out, without a change to the file, whether this binary can use
// it. It reports whether the schema is behind, which migrate allows; it returns
// a *store.SchemaError where the schema and this binary do not fit.
func inspect(ctx context.Context, path string, migrate bool) (behind bool, err error) {
	row, err := look(ctx, path, "ro")
	if resultCode(err)&0xff == sqlite3.SQLITE_READONLY {
		// A crash left a transaction to roll back, which a reader must not do.
		row, err = look(ctx, path, "rw")
	}
	if err != nil {
		return false, err
	}
	behind = row.version < Schema
	if row.minBinary > Schema || behind && !migrate {
		return false, &store.SchemaError{Version: row.version, MinBinary: row.minBinary, Binary: Schema}
	}
	return behind, nil
}

// look reads the schema row of a file that is Ringhold's, or empty.
func look(ctx context.Context, path, mode string) (schemaRow, error) {
	db, err := connectMode(path, mode, readPragmas, 1)
	if err != nil {
		return schemaRow{}, err
	}
	defer db.Close()
	if err := checkOurs(ctx, db); err != nil {
		return schemaRow{}, err
	}
	return readSchema(ctx, db)
}

func checkOurs(ctx context.Context, db *sql.DB) error {
	var id, objects int
	if err := db.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&id); err != nil {
		return fmt.Errorf("read the application id: %w", err)
	}
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&objects); err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	if id == applicationID || id == 0 && objects == 0 {
		return nil
	}
	return errForeign
}
