package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// enter begins a use, which Close waits for; leave ends it.
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

// read runs a read on a session of the pool. One that finds its session broken,
// as all are after the server was restarted, is run once more on a new one; one
// that was in the way of others, as on a standby, is run again too.
func (s *Store) read(ctx context.Context, doing string, run func(context.Context, *session) error) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	bounded, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for n := 0; ; n++ {
		se, used, err := s.reads.take(bounded)
		if err != nil {
			return s.readFault(ctx, doing, err)
		}
		err = run(bounded, se)
		broken := se.conn.IsClosed()
		s.reads.give(se)
		if err != nil && used && broken && bounded.Err() == nil {
			s.reads.drop() // the others are as old
			continue
		}
		if n < repeats && repeatable(err) {
			continue
		}
		return s.readFault(ctx, doing, err)
	}
}

// readFault wraps what went wrong with a read. A context that ended is the
// whole story.
func (s *Store) readFault(ctx context.Context, doing string, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return s.explain(doing, err)
}

// each reads the rows of one statement. row may be called anew from the first
// row on, which reset prepares.
func (s *Store) each(ctx context.Context, doing, query string, fill func(*params), reset func(), row func([][]byte) error) error {
	var p params
	fill(&p)
	return s.read(ctx, doing, func(ctx context.Context, se *session) error {
		reset()
		_, err := se.call(ctx, query, &p, row)
		return err
	})
}

const eventColumns = `stream, version, slot, slot_offset, epoch, type, schema_version, encoding, data, metadata, message_id, command, recorded_at`

const streamEvents = `SELECT ` + eventColumns + ` FROM events WHERE service_group = $1 AND stream = $2 AND version >= $3 ORDER BY version LIMIT $4`

const slotEvents = `SELECT ` + eventColumns + ` FROM events WHERE service_group = $1 AND slot = $2 AND slot_offset >= $3 ORDER BY slot_offset LIMIT $4`

// ReadStream returns events of a stream.
func (s *Store) ReadStream(ctx context.Context, name message.Stream, from message.Version, limit int) ([]store.Event, error) {
	return s.events(ctx, "read a stream of", streamEvents, func(p *params) {
		p.text(s.group)
		p.text(string(name))
		p.int8(int64(from))
		p.int8(int64(max(limit, 0)))
	})
}

// ReadSlot returns events of a slot's log.
func (s *Store) ReadSlot(ctx context.Context, n ring.Slot, from store.Offset, limit int) ([]store.Event, error) {
	return s.events(ctx, "read a slot of", slotEvents, func(p *params) {
		p.text(s.group)
		p.int4(int32(n))
		p.int8(int64(from))
		p.int8(int64(max(limit, 0)))
	})
}

func (s *Store) events(ctx context.Context, doing, query string, fill func(*params)) ([]store.Event, error) {
	var events []store.Event
	d := decoder{}
	err := s.each(ctx, doing, query, fill, func() { events = nil }, func(v [][]byte) error {
		e, err := d.event(v, "")
		events = append(events, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

const dueAlarms = `
SELECT a.id, a.stream, a.slot, a.due_at, a.message
FROM (SELECT DISTINCT u.slot FROM unnest($2::integer[]) AS u (slot)) AS w
CROSS JOIN LATERAL (
  SELECT * FROM alarms AS d
  WHERE d.service_group = $1 AND d.slot = w.slot AND d.due_at < $3 ORDER BY d.due_at, d.id LIMIT $4) AS a
ORDER BY a.due_at, a.id LIMIT $4`

// Alarms returns alarms that are due.
func (s *Store) Alarms(ctx context.Context, slots []ring.Slot, until time.Time, limit int) ([]store.Alarm, error) {
	var alarms []store.Alarm
	err := s.each(ctx, "read the alarms of", dueAlarms, func(p *params) {
		p.text(s.group)
		p.slots(slots)
		p.time(until)
		p.int8(int64(max(limit, 0)))
	}, func() { alarms = nil }, func(v [][]byte) error {
		alarms = append(alarms, store.Alarm{ID: string(v[0]), Stream: message.Stream(v[1]), Slot: ring.Slot(getInt4(v[2])),
			DueAt: fromPostgres(getInt8(v[3])), Message: clone(v[4])})
		return nil
	})
	return alarms, err
}

func (p *params) slots(slots []ring.Slot) {
	p.list(oidInt4, len(slots))
	for _, n := range slots {
		p.addInt4(int32(n))
	}
}

// change runs a write on a session of the pool.
func (s *Store) change(ctx context.Context, doing, query string, fill func(*params), row func([][]byte) error) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var p params
	fill(&p)
	se, _, err := s.reads.take(ctx)
	if err != nil {
		return s.explain(doing, err)
	}
	defer s.reads.give(se)
	_, err = se.insist(ctx, query, &p, row)
	return s.explain(doing, err)
}

func unknown(err error) error {
	var already *store.UnknownOutcomeError
	if errors.As(err, &already) {
		return err
	}
	return &store.UnknownOutcomeError{Err: err}
}
