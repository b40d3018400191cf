package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// enter begins a read, which Close waits for; leave ends it.
func (s *Store) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.use.RLock()
	if s.closed {
		s.use.RUnlock()
		return nil, store.ErrClosed
	}
	return s.use.RUnlock, nil
}

// readFault wraps what went wrong with a read. A context that ended is the
// whole story.
func (s *Store) readFault(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, sql.ErrNoRows):
		return err
	}
	return explain(s.path, doing+" of", err)
}

// each calls scan for each row of one statement.
func (s *Store) each(ctx context.Context, doing string, scan func(*sql.Rows) error, query string, args ...any) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	st, err := s.prepared(query)
	if err != nil {
		return s.readFault(ctx, doing, err)
	}
	rows, err := st.QueryContext(ctx, args...)
	if err == nil {
		err = scanAll(rows, scan)
	}
	return s.readFault(ctx, doing, err)
}

// one scans the row of one statement; sql.ErrNoRows if there is none.
func (s *Store) one(ctx context.Context, doing string, dest []any, query string, args ...any) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	st, err := s.prepared(query)
	if err == nil {
		err = st.QueryRowContext(ctx, args...).Scan(dest...)
	}
	return s.readFault(ctx, doing, err)
}

// ReadStream returns events of a stream.
func (s *Store) ReadStream(ctx context.Context, name message.Stream, from message.Version, limit int) ([]store.Event, error) {
	return s.events(ctx, "read a stream", streamEvents, s.group, string(name), int64(from), max(limit, 0))
}

// ReadSlot returns events of a slot's log.
func (s *Store) ReadSlot(ctx context.Context, n ring.Slot, from store.Offset, limit int) ([]store.Event, error) {
	return s.events(ctx, "read a slot", slotEvents, s.group, int64(n), int64(from), max(limit, 0))
}

func (s *Store) events(ctx context.Context, doing, query string, args ...any) ([]store.Event, error) {
	var events []store.Event
	err := s.each(ctx, doing, func(rows *sql.Rows) error {
		e, err := scanEvent(rows)
		events = append(events, e)
		return err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return events, nil
}

func scanEvent(rows *sql.Rows) (e store.Event, err error) {
	var id sql.NullString
	var command sql.RawBytes
	var recorded int64
	err = rows.Scan(&e.Stream, &e.Version, &e.Slot, &e.Offset, &e.Epoch, &e.Type, &e.Schema, &e.Encoding, &e.Data, &e.Metadata, &id, &command, &recorded)
	if err != nil {
		return e, err
	}
	e.MessageID, e.RecordedAt = message.ID(id.String), fromMicros(recorded)
	if command != nil {
		e.Command, err = store.DecodeCommand(command)
	}
	return e, err
}

// Alarms returns alarms that are due.
func (s *Store) Alarms(ctx context.Context, slots []ring.Slot, until time.Time, limit int) ([]store.Alarm, error) {
	var alarms []store.Alarm
	err := s.each(ctx, "read the alarms", func(rows *sql.Rows) error {
		var a store.Alarm
		var due int64
		err := rows.Scan(&a.ID, &a.Stream, &a.Slot, &due, &a.Message)
		a.DueAt = fromMicros(due)
		alarms = append(alarms, a)
		return err
	}, dueAlarms, s.group, slotsJSON(slots), until.UnixMicro(), max(limit, 0))
	return alarms, err
}
