package pgtest

import "errors"

var errNoPgbouncer = errors.New("pgbouncer was not found")
