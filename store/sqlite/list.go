package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// seekStream gives the lowest stream from ?2 on, with its newest event and its
// state: one step of a loose scan of the index, which jumps from stream to
// stream over their events.
const seekStream = `
WITH next (stream) AS (
  SELECT min(stream) FROM (
    SELECT * FROM (SELECT stream FROM events WHERE service_group = ?1 AND stream >= ?2 ORDER BY stream LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT stream FROM states WHERE service_group = ?1 AND stream >= ?2 ORDER BY stream LIMIT 1)))
SELECT next.stream, coalesce(e.version, -1), coalesce(e.type, ''), coalesce(t.version, -1)
FROM next
LEFT JOIN events AS e ON e.service_group = ?1 AND e.stream = next.stream AND e.version = (
  SELECT max(version) FROM events WHERE service_group = ?1 AND stream = next.stream)
LEFT JOIN states AS t ON t.service_group = ?1 AND t.stream = next.stream
WHERE next.stream IS NOT NULL`

// ListStreams returns streams in order. Its cost is that of the streams it
// returns, however many events they have.
func (s *Store) ListStreams(ctx context.Context, q store.StreamQuery) ([]store.StreamInfo, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	db, err := s.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, s.readFault(ctx, "list the streams", err)
	}
	defer db.Rollback()
	l := &loader{s: s, db: db}
	var out []store.StreamInfo
	for next, more := q.First(), true; more && len(out) < q.Limit; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		info, found, err := l.seek(next)
		if err != nil {
			return nil, s.readFault(ctx, "list the streams", err)
		}
		if !found {
			break
		}
		var selected bool
		if selected, next, more = q.Step(info.Stream); selected {
			out = append(out, info)
		}
	}
	return out, nil
}

func (l *loader) seek(from message.Stream) (info store.StreamInfo, found bool, err error) {
	rows, err := l.query(seekStream, l.s.group, string(from))
	if err != nil {
		return info, false, err
	}
	err = scanAll(rows, func(rows *sql.Rows) error {
		var kind string
		var state message.Version
		if err := rows.Scan(&info.Stream, &info.Version, &kind, &state); err != nil {
			return fmt.Errorf("seek a stream: %w", err)
		}
		found = true
		info.Erased = kind == store.TypeErased
		info.Deleted = info.Version >= state && (kind == store.TypeDeleted || info.Erased)
		info.Version = max(info.Version, state)
		return nil
	})
	return info, found, err
}
