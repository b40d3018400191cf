package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// rawTable is a table of PostgreSQL as the bare client fills it: every column
// with the value that Ringhold stored there, but for those that tell rows apart.
type rawTable struct {
	name    string // with its schema
	columns []rawColumn
}

// rawColumn is a column with its value in PostgreSQL's binary form; nil is NULL.
type rawColumn struct {
	name  string
	typ   string
	oid   uint32
	value []byte
}

// varying columns are sent for each row; the others, which a client knows once
// and for all, once for a statement.
var varying = map[string]bool{
	"slot": true, "slot_offset": true, "stream": true, "version": true, "data": true, "metadata": true, "message_id": true, "command": true,
}

// eventsTemplate is the store's table with the values of one row that a host
// stored in a place made for it.
func (b *bench) eventsTemplate(ctx context.Context, of *ids) (t *rawTable, err error) {
	p, err := b.newPlace(ctx, onPostgres)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.storeOne(ctx, of); err != nil {
		return nil, err
	}
	if t, err = p.readColumns(ctx, "events"); err != nil {
		return nil, err
	}
	return t, p.readRow(ctx, t)
}

// readRow reads the values of the one row of a table, in binary.
func (p *place) readRow(ctx context.Context, t *rawTable) error {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	rows, err := p.b.server.conn.Query(ctx, fmt.Sprintf(`SELECT %s FROM %s`, strings.Join(names, ", "), t.name), pgx.QueryResultFormats{pgx.BinaryFormatCode})
	if err != nil {
		return fmt.Errorf("read a row that Ringhold stored: %w", err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		for i, value := range rows.RawValues() {
			if value != nil {
				t.columns[i].value = append([]byte{}, value...)
			}
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read a row that Ringhold stored: %w", err)
	}
	if n != 1 {
		return fmt.Errorf("one command was run, %d rows are stored", n)
	}
	return nil
}

// in returns the table as it is in another place.
func (t *rawTable) in(p *place) *rawTable {
	_, name, _ := strings.Cut(t.name, ".")
	return &rawTable{name: p.schema + "." + name, columns: t.columns}
}

// makePlain makes a table with no more than an event needs: a primary key and
// one unique index, without message ids, commands and metadata.
func (p *place) makePlain(ctx context.Context) error {
	return p.b.server.exec(ctx, `CREATE TABLE `+p.schema+`.plain (slot int NOT NULL, slot_offset bigint NOT NULL, stream text NOT NULL,
		version bigint NOT NULL, data bytea NOT NULL, PRIMARY KEY (slot, slot_offset), UNIQUE (stream, version))`)
}

// plain returns the same client for the plain table, with the same data.
func (k rawKind) plain() rawKind {
	k.isPlain = true
	t := &rawTable{name: "any.plain"}
	for _, c := range k.table.columns {
		switch c.name {
		case "slot", "slot_offset", "stream", "version", "data":
			t.columns = append(t.columns, c)
		}
	}
	k.table = t
	return k
}

func (p *place) readColumns(ctx context.Context, table string) (*rawTable, error) {
	t := &rawTable{name: p.schema + "." + table}
	rows, err := p.b.server.conn.Query(ctx, `SELECT attname, format_type(atttypid, atttypmod), atttypid FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`, t.name)
	if err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", t.name, err)
	}
	t.columns, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c rawColumn, err error) {
		return c, row.Scan(&c.name, &c.typ, &c.oid)
	})
	if err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", t.name, err)
	}
	return t, nil
}

// unnest returns the statement that inserts a batch: arrays of what varies,
// one value of the rest.
func (t *rawTable) unnest() string {
	var names, exprs, arrays, aliases []string
	for i, c := range t.columns {
		names = append(names, c.name)
		if varying[c.name] {
			arrays = append(arrays, fmt.Sprintf("$%d::%s[]", i+1, c.typ))
			aliases = append(aliases, c.name)
			exprs = append(exprs, "u."+c.name)
		} else {
			exprs = append(exprs, fmt.Sprintf("$%d::%s", i+1, c.typ))
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM unnest(%s) AS u(%s)", t.name,
		strings.Join(names, ", "), strings.Join(exprs, ", "), strings.Join(arrays, ", "), strings.Join(aliases, ", "))
}

// values returns the statement that inserts one row.
func (t *rawTable) values() string {
	var names, params []string
	for i, c := range t.columns {
		names = append(names, c.name)
		params = append(params, fmt.Sprintf("$%d::%s", i+1, c.typ))
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", t.name, strings.Join(names, ", "), strings.Join(params, ", "))
}

var errColumnType = errors.New("the benchmark does not know how to send this type")

// appendInt appends a number in the binary form of its type.
func appendInt(b []byte, oid uint32, n int64) ([]byte, error) {
	switch oid {
	case pgtype.Int2OID:
		return binary.BigEndian.AppendUint16(b, uint16(n)), nil
	case pgtype.Int4OID:
		return binary.BigEndian.AppendUint32(b, uint32(n)), nil
	case pgtype.Int8OID:
		return binary.BigEndian.AppendUint64(b, uint64(n)), nil
	}
	return b, fmt.Errorf("%w: %d", errColumnType, oid)
}

// appendMessageID appends a message id in the binary form of its type.
func appendMessageID(b []byte, oid uint32, uuid []byte) []byte {
	if oid == pgtype.UUIDOID {
		return append(b, uuid...)
	}
	return appendText(b, uuid)
}

// literal returns the column's value in SQL: a binary value has no such form, so
// the server is given the text of the few types that the store uses.
func (c rawColumn) literal() string {
	if c.value == nil {
		return "NULL::" + c.typ
	}
	switch c.oid {
	case pgtype.Int2OID:
		return fmt.Sprintf("%d::%s", int16(binary.BigEndian.Uint16(c.value)), c.typ)
	case pgtype.Int4OID:
		return fmt.Sprintf("%d::%s", int32(binary.BigEndian.Uint32(c.value)), c.typ)
	case pgtype.Int8OID:
		return fmt.Sprintf("%d::%s", int64(binary.BigEndian.Uint64(c.value)), c.typ)
	case pgtype.ByteaOID:
		return fmt.Sprintf("'\\x%x'::%s", c.value, c.typ)
	}
	return fmt.Sprintf("'%s'::%s", strings.ReplaceAll(string(c.value), "'", "''"), c.typ)
}
