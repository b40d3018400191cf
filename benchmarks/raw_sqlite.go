package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// sqliteWriter inserts rows into the table that the store's migration made,
// with the store's settings, in as few statements as rowsAtOnce allows.
type sqliteWriter struct {
	sqliteTemplate
	db     *sql.DB
	conn   *sql.Conn
	insert []*sql.Stmt // for each of rowsAtOnce
	at     *positions
	ids    *messageIDs
	args   []any
}

// rowsAtOnce are the numbers of rows that have a statement: a batch of 31
// is five statements, not 31.
var rowsAtOnce = []int{32, 16, 8, 4, 2, 1}

const (
	rawGroup   = "ceiling"
	sqliteRow  = `('ceiling', ?, ?, 1, ?, ?, 'deposited', 1, 0, ?, ?, ?, ?, 1)`
	sqliteRows = `INSERT INTO events (service_group, slot, slot_offset, epoch, stream, version, type, schema_version, encoding,
		data, metadata, message_id, command, recorded_at) VALUES `
)

// newSQLiteRaw makes the ceiling in a place of its own, with the bytes of a row
// that Ringhold stored.
func newSQLiteRaw(ctx context.Context, p *place, row sqliteTemplate, of *ids) (*raw, error) {
	w := &sqliteWriter{sqliteTemplate: row, at: newPositions(of), ids: newMessageIDs()}
	q := url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(8000)", "cache_size(-65536)", "temp_store(MEMORY)", "secure_delete(ON)",
	}}
	var err error
	if w.db, err = sql.Open("sqlite", p.sqliteFile()+"?"+q.Encode()); err != nil {
		return nil, err
	}
	if w.conn, err = w.db.Conn(ctx); err != nil {
		return nil, errors.Join(err, w.db.Close())
	}
	for _, rows := range rowsAtOnce {
		in, err := w.conn.PrepareContext(ctx, sqliteRows+sqliteRow+strings.Repeat(","+sqliteRow, rows-1))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare an insert of %d rows: %w", rows, err), w.close(ctx))
		}
		w.insert = append(w.insert, in)
	}
	return newRaw(ctx, onSQLite, of, rawBatch, w), nil
}

// sqliteTemplate is what Ringhold stored of one command.
type sqliteTemplate struct{ data, metadata, command string }

func (b *bench) sqliteTemplate(ctx context.Context, of *ids) (row sqliteTemplate, err error) {
	p, err := b.newPlace(ctx, onSQLite)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.storeOne(ctx, of); err != nil {
		return row, err
	}
	db, err := sql.Open("sqlite", p.sqliteFile()+"?mode=ro")
	if err != nil {
		return row, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, `SELECT data, metadata, command FROM events`).Scan(&row.data, &row.metadata, &row.command)
	if err != nil {
		return row, fmt.Errorf("read a row that Ringhold stored: %w", err)
	}
	return row, nil
}

func (w *sqliteWriter) commit(ctx context.Context, batch []*rawCommand) error {
	if _, err := w.conn.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
		return err
	}
	w.ids.batch()
	for len(batch) > 0 {
		size := slices.IndexFunc(rowsAtOnce, func(rows int) bool { return rows <= len(batch) })
		n, in := rowsAtOnce[size], w.insert[size]
		w.args = w.args[:0]
		for _, c := range batch[:n] {
			version, offset := w.at.next(c.id)
			w.args = append(w.args, int64(w.at.ids.slots[c.id]), offset, w.at.ids.streams[c.id], version, w.data, w.metadata,
				string(appendText(nil, w.ids.step())), w.command)
		}
		if _, err := in.ExecContext(ctx, w.args...); err != nil {
			_, undo := w.conn.ExecContext(ctx, `ROLLBACK`)
			return errors.Join(err, undo)
		}
		batch = batch[n:]
	}
	_, err := w.conn.ExecContext(ctx, `COMMIT`)
	return err
}

func (w *sqliteWriter) close(context.Context) error {
	var err error
	for _, in := range w.insert {
		err = errors.Join(err, in.Close())
	}
	return errors.Join(err, w.conn.Close(), w.db.Close())
}
