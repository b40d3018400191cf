// Package postgres keeps groups in PostgreSQL, for production: several
// processes may have the same group open, and what they may write is decided
// by fences in the database.
package postgres

import _ "github.com/jackc/pgx/v5" // the driver
