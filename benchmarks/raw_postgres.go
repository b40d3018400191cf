package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresWriter inserts batches with one prepared statement each, over a
// connection of its own. It encodes the arrays itself, into memory that it uses
// again: that is faster than pgx's encoding of slices.
type postgresWriter struct {
	conn    *pgx.Conn
	table   *rawTable
	single  bool // rows one by one with VALUES
	at      *positions
	ids     *messageIDs
	params  [][]byte
	formats []int16
}

// rawKind says how the bare client writes into a table.
type rawKind struct {
	table   *rawTable
	writers int
	limit   int  // of a transaction, in rows
	single  bool // INSERT … VALUES; the limit is then 1
	isPlain bool // the table is the plain one
}

// newPostgresRaw makes a bare client of a table.
func (p *place) newPostgresRaw(ctx context.Context, k rawKind, of *ids) (*raw, error) {
	at := newPositions(of)
	var writers []rawWriter
	for range k.writers {
		w, err := newPostgresWriter(ctx, p.url, k, at)
		if err != nil {
			for _, open := range writers {
				err = errors.Join(err, open.close(ctx))
			}
			return nil, err
		}
		writers = append(writers, w)
	}
	return newRaw(ctx, onPostgres, of, k.limit, writers...), nil
}

func newPostgresWriter(ctx context.Context, url string, k rawKind, at *positions) (*postgresWriter, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect a bare client: %w", err)
	}
	w := &postgresWriter{conn: conn, table: k.table, single: k.single, at: at, ids: newMessageIDs()}
	sql := k.table.unnest()
	if k.single {
		sql = k.table.values()
	}
	if _, err = conn.Exec(ctx, `SET plan_cache_mode = force_generic_plan`); err == nil {
		_, err = conn.Prepare(ctx, "raw", sql)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare %s: %w", sql, err), conn.Close(ctx))
	}
	w.params = make([][]byte, len(k.table.columns))
	w.formats = []int16{pgx.BinaryFormatCode}
	return w, nil
}

// commit is one statement, and so one transaction.
func (w *postgresWriter) commit(ctx context.Context, batch []*rawCommand) error {
	if err := w.encode(batch); err != nil {
		return err
	}
	result := w.conn.PgConn().ExecPrepared(ctx, "raw", w.params, w.formats, nil).Read()
	if result.Err != nil {
		var refused *pgconn.PgError
		if errors.As(result.Err, &refused) {
			return fmt.Errorf("%w (%s)", result.Err, refused.Detail)
		}
		return result.Err
	}
	if n := result.CommandTag.RowsAffected(); n != int64(len(batch)) {
		return fmt.Errorf("%d rows were sent, %d inserted", len(batch), n)
	}
	return nil
}

// encode fills the parameters, column by column.
func (w *postgresWriter) encode(batch []*rawCommand) (err error) {
	type position struct{ version, offset int64 }
	at := make([]position, len(batch))
	for i, c := range batch {
		at[i].version, at[i].offset = w.at.next(c.id)
	}
	w.ids.batch()
	for col := range w.table.columns {
		c := &w.table.columns[col]
		if !varying[c.name] {
			w.params[col] = c.value
			continue
		}
		b := w.params[col][:0]
		if !w.single {
			b = appendArrayHeader(b, c.oid, len(batch))
		}
		for i, one := range batch {
			start := len(b)
			if !w.single {
				b = append(b, 0, 0, 0, 0)
			}
			switch c.name {
			case "slot":
				b, err = appendInt(b, c.oid, int64(w.at.ids.slots[one.id]))
			case "slot_offset":
				b, err = appendInt(b, c.oid, at[i].offset)
			case "version":
				b, err = appendInt(b, c.oid, at[i].version)
			case "stream":
				b = append(b, w.at.ids.streams[one.id]...)
			case "message_id":
				b = appendMessageID(b, c.oid, w.ids.step())
			default:
				b = append(b, c.value...)
			}
			if err != nil {
				return fmt.Errorf("column %s: %w", c.name, err)
			}
			if !w.single {
				binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
			}
		}
		w.params[col] = b
	}
	return nil
}

// appendArrayHeader begins an array of one dimension without NULLs.
func appendArrayHeader(b []byte, oid uint32, n int) []byte {
	b = binary.BigEndian.AppendUint32(b, 1) // dimensions
	b = binary.BigEndian.AppendUint32(b, 0) // no NULL
	b = binary.BigEndian.AppendUint32(b, oid)
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	return binary.BigEndian.AppendUint32(b, 1) // lower bound
}

func (w *postgresWriter) close(ctx context.Context) error { return w.conn.Close(ctx) }
