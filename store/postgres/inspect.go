package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringhold/ringhold/store"
)

// oldest is the oldest release of the server, as server_version_num has it.
const oldest = 140_000

// describe asks what there is to know of the server and the schema ($1) before
// anything of Ringhold's is used.
const describe = `
SELECT pg_backend_pid(), current_setting('server_version_num'), current_setting('server_version'), current_setting('server_encoding'),
  ` + takesNoWrites + `, to_regnamespace(quote_ident($1)) IS NOT NULL, to_regclass(quote_ident($1) || '.schema') IS NOT NULL,
  current_setting('synchronous_commit'), current_setting('fsync')`

// takesNoWrites is true in a session on a standby or of a read-only database.
const takesNoWrites = `pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'`

// place is what describe says.
type place struct {
	hasSchema, hasTables bool
}

// inspect finds out whether this binary can use what is there, and migrates it
// if that is wanted. It uses a plain connection: poolers refuse the settings of
// the others in words of their own.
func (s *Store) inspect(ctx context.Context, migrate bool) error {
	c := s.config.Copy()
	c.RuntimeParams["application_name"] = "ringhold opens"
	se, err := dial(ctx, c)
	if err != nil {
		return s.openFault(err)
	}
	defer se.kill()
	at, err := s.describe(ctx, se)
	if err != nil {
		return s.openFault(err)
	}
	row, err := s.schemaRow(ctx, se, at)
	if err != nil {
		return s.openFault(err)
	}
	behind := row.version < Schema
	if row.minBinary > Schema || behind && !migrate {
		return &store.SchemaError{Version: row.version, MinBinary: row.minBinary, Binary: Schema}
	}
	if behind {
		if err := s.migrate(ctx, se); err != nil {
			return s.openFault(err)
		}
	}
	if s.reading {
		se.end()
		return nil // its rights are seen when it reads
	}
	lacks, err := text(ctx, se, missingRights, s.schema)
	if err == nil && lacks[0] != "" {
		err = &Error{Kind: MissingRight, Doing: "open", URL: s.url, Advice: s.grants(), Err: fmt.Errorf("the role %q lacks rights on %s", s.config.User, lacks[0])}
	}
	se.end()
	return s.openFault(err)
}

func (s *Store) openFault(err error) error {
	if pg := new(pgconn.PgError); errors.As(err, &pg) && strings.Contains(pg.Message, "unsupported startup parameter") {
		return &PoolerError{URL: s.url, Connections: s.connections()} // PostgreSQL has no such words
	}
	return s.explain("open", err)
}

func (s *Store) describe(ctx context.Context, se *session) (place, error) {
	v, err := text(ctx, se, describe, s.schema)
	if err != nil {
		return place{}, err
	}
	refuse := func(kind Kind, why, advice string) (place, error) {
		return place{}, &Error{Kind: kind, Doing: "open", URL: s.url, Err: errors.New(why), Advice: advice}
	}
	number, err := strconv.Atoi(v[1])
	switch {
	case err != nil:
		return refuse(Other, fmt.Sprintf("the server's version is %q", v[1]), "")
	case v[0] != strconv.FormatUint(uint64(se.conn.PID()), 10):
		return place{}, &PoolerError{URL: s.url, Connections: s.connections()}
	case number < oldest:
		return refuse(TooOld, "the server is PostgreSQL "+v[2], "PostgreSQL 14 or newer is needed")
	case v[3] != "UTF8":
		return refuse(WrongEncoding, "the database's encoding is "+v[3], "create the database with ENCODING 'UTF8'")
	}
	if err := s.fit("open", v[7], v[4] == "t"); err != nil {
		return place{}, err
	}
	if v[8] == "off" {
		s.log.Warn("the server has fsync off: what was acknowledged can be lost, and the data destroyed, by a crash", "store", s.url)
	}
	return place{hasSchema: v[5] == "t", hasTables: v[6] == "t"}, nil
}

// fit refuses a session that loses what was acknowledged, or takes no writes.
func (s *Store) fit(doing, synchronousCommit string, noWrites bool) error {
	switch {
	case s.reading:
		return nil
	case noWrites:
		return &Error{Kind: ReadOnly, Doing: doing, URL: s.url, Err: errors.New("the server takes no writes"), Advice: namePrimary}
	case synchronousCommit == "off":
		return &Error{Kind: NotDurable, Doing: doing, URL: s.url, Err: errors.New("synchronous_commit is off, so what was acknowledged would be lost in a crash"),
			Advice: "set it to on, or to local, for the role, the database or the server; renewals, which need it less, see to themselves"}
	}
	return nil
}

// schemaRow returns zeros for a schema that is not there or not whole.
func (s *Store) schemaRow(ctx context.Context, se *session, at place) (row schemaRow, err error) {
	if !at.hasTables {
		return row, nil
	}
	v, err := text(ctx, se, `SELECT coalesce(max(version), 0), coalesce(max(min_binary), 0) FROM `+quote(s.schema)+`.schema`)
	if err != nil {
		return row, err
	}
	if row.version, err = strconv.Atoi(v[0]); err == nil {
		row.minBinary, err = strconv.Atoi(v[1])
	}
	return row, err
}

// text runs a statement and returns its one row as text.
func text(ctx context.Context, se *session, query string, args ...string) ([]string, error) {
	values := make([][]byte, len(args))
	oids := make([]uint32, len(args))
	for i, arg := range args {
		values[i], oids[i] = []byte(arg), oidText
	}
	result := se.conn.ExecParams(ctx, query, values, oids, nil, nil).Read()
	if result.Err != nil {
		return nil, result.Err
	}
	if len(result.Rows) != 1 {
		return nil, fmt.Errorf("the server answered with %d rows", len(result.Rows))
	}
	row := make([]string, len(result.Rows[0]))
	for i, v := range result.Rows[0] {
		row[i] = string(v)
	}
	return row, nil
}
