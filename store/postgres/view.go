package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ringhold/ringhold/message"
)

// ErrNameTaken is wrapped by the refusal to make a view whose name is that of
// something else in the schema.
var ErrNameTaken = errors.New("the name is taken by something else in the schema")

// viewComment marks the views that CreateStreamView made.
const viewComment = "Ringhold: the aggregates of one stream"

// nameInUse tells whether a name ($2) in the schema ($1) is free, or that of a
// view of ours.
const nameInUse = `
SELECT count(*) FILTER (WHERE c.relkind <> 'v' OR obj_description(c.oid, 'pg_class') IS DISTINCT FROM '` + viewComment + `')
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`

// streamView lists the aggregates of a stream, with what the view streams says
// of each. It reads the indexes of that stream's range alone, and of one aggregate
// alone where its stream is named: '.' follows '-'.
const streamView = `
CREATE OR REPLACE VIEW %[1]s AS
SELECT service_group, id, version, deleted, events, first_at, last_at, stream
FROM streams WHERE stream >= %[2]s AND stream < %[3]s;
COMMENT ON VIEW %[1]s IS '` + viewComment + `'`

// CreateStreamView makes a view, named as the stream, that lists its aggregates
// for people, of all groups in the schema. Making it twice is harmless; a name
// that something else in the schema has is refused with ErrNameTaken.
func (s *Store) CreateStreamView(ctx context.Context, name message.StreamName) error {
	if err := name.Validate(); err != nil {
		return fmt.Errorf("create a view: %w", err)
	}
	return s.read(ctx, "create a view in", func(ctx context.Context, se *session) error {
		taken, err := text(ctx, se, nameInUse, s.schema, string(name))
		if err != nil {
			return err
		}
		if taken[0] != "0" {
			return fmt.Errorf("view %s: %w", name, ErrNameTaken)
		}
		sql := fmt.Sprintf(streamView, quote(string(name)), literal(string(name)+"-"), literal(string(name)+"."))
		_, err = se.conn.Exec(ctx, sql).ReadAll()
		return err
	})
}

// literal quotes an SQL string.
func literal(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }
