package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// Load answers all requests in one read transaction: from one point in time.
func (s *Store) Load(ctx context.Context, reqs []store.LoadRequest) ([]store.Loaded, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	db, err := s.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, s.readFault(ctx, "read", err)
	}
	l := &loader{s: s, db: db}
	out := make([]store.Loaded, len(reqs))
	for i := range reqs {
		if err = ctx.Err(); err != nil {
			break
		}
		if out[i], err = l.load(&reqs[i]); err != nil {
			break
		}
	}
	if rerr := db.Rollback(); err == nil && !errors.Is(rerr, sql.ErrTxDone) {
		err = rerr
	}
	if err != nil {
		return nil, s.readFault(ctx, "read", err)
	}
	return out, nil
}

// loader answers the requests of one Load. Its statements are not interrupted
// one by one; the end of Load's context ends the transaction.
type loader struct {
	s     *Store
	db    *sql.Tx
	bound map[string]*sql.Stmt // to the transaction
}

func (l *loader) query(query string, args ...any) (*sql.Rows, error) {
	st := l.bound[query]
	if st == nil {
		general, err := l.s.prepared(query)
		if err != nil {
			return nil, err
		}
		st = l.db.StmtContext(context.Background(), general) // on the transaction's own connection
		if l.bound == nil {
			l.bound = map[string]*sql.Stmt{}
		}
		l.bound[query] = st
	}
	return st.QueryContext(context.Background(), args...)
}

func (l *loader) load(r *store.LoadRequest) (store.Loaded, error) {
	out := store.Loaded{Deleted: message.NoVersion, Commands: make([]*store.Recorded, len(r.Messages))}
	state, err := l.head(r, &out)
	if err != nil || out.Erased {
		return out, err
	}
	for i, id := range r.Messages {
		if out.Commands[i], err = l.command(r.Stream, id); err != nil {
			return out, err
		}
		if out.Commands[i] == nil && state != nil {
			out.Commands[i] = state.Find(id)
		}
	}
	if !r.Hydrate {
		out.Deleted = message.NoVersion
		return out, nil
	}
	out.State = state
	from := out.Deleted + 1
	if out.Snapshot != nil {
		from = out.Snapshot.Version + 1
	}
	return out, l.events(r, from, &out)
}

// streamHead is what is to be known of a stream before its events are read: its
// newest deletion, its snapshot behind that, and its state. The deletion comes
// from an index that has few entries.
const streamHead = `
SELECT d.version, d.type, n.version, n.schema_version, n.encoding, n.data,
  t.slot, t.version, t.schema_version, t.encoding, t.data, t.recent
FROM (SELECT 1)
LEFT JOIN (SELECT version, type FROM events INDEXED BY events_deleted
  WHERE service_group = ?1 AND stream = ?2 AND type IN ('$deleted', '$erased') ORDER BY version DESC LIMIT 1) AS d
LEFT JOIN snapshots AS n ON n.service_group = ?1 AND n.stream = ?2 AND n.version > coalesce(d.version, -1)
LEFT JOIN states AS t ON t.service_group = ?1 AND t.stream = ?2`

func (l *loader) head(r *store.LoadRequest, out *store.Loaded) (*store.State, error) {
	rows, err := l.query(streamHead, l.s.group, string(r.Stream))
	if err != nil {
		return nil, err
	}
	var state *store.State
	err = scanAll(rows, func(rows *sql.Rows) error {
		var deleted, snVersion, snSchema, snEncoding, slot, version, schema, encoding sql.NullInt64
		var kind sql.NullString
		var snData, data []byte
		var recent sql.RawBytes
		if err := rows.Scan(&deleted, &kind, &snVersion, &snSchema, &snEncoding, &snData, &slot, &version, &schema, &encoding, &data, &recent); err != nil {
			return err
		}
		if deleted.Valid {
			out.Deleted, out.Erased = message.Version(deleted.Int64), kind.String == store.TypeErased
		}
		if out.Erased {
			return nil
		}
		if snVersion.Valid && r.Hydrate {
			out.Snapshot = &store.Snapshot{Stream: r.Stream, Version: message.Version(snVersion.Int64), Schema: int(snSchema.Int64),
				Encoding: store.Encoding(snEncoding.Int64), Data: snData}
		}
		if !version.Valid {
			return nil
		}
		state = &store.State{Stream: r.Stream, Slot: ring.Slot(slot.Int64), Version: message.Version(version.Int64), Schema: int(schema.Int64),
			Encoding: store.Encoding(encoding.Int64), Data: data}
		state.Recent, err = store.DecodeRecent(recent)
		return err
	})
	return state, err
}

func (l *loader) command(s message.Stream, id message.ID) (*store.Recorded, error) {
	rows, err := l.query(recordedCommand,
		l.s.group, string(s), string(id))
	if err != nil {
		return nil, err
	}
	var found *store.Recorded
	err = scanAll(rows, func(rows *sql.Rows) error {
		var first message.Version
		var text sql.RawBytes
		if err := rows.Scan(&first, &text); err != nil {
			return err
		}
		c, err := store.DecodeCommand(text)
		if err == nil {
			found = &store.Recorded{Command: *c, First: first}
		}
		return err
	})
	return found, err
}

// events reads one more than asked for, to know whether there are more.
func (l *loader) events(r *store.LoadRequest, from message.Version, out *store.Loaded) error {
	limit := max(r.Events, 0)
	rows, err := l.query(streamEvents, l.s.group, string(r.Stream), int64(from), limit+1)
	if err != nil {
		return err
	}
	return scanAll(rows, func(rows *sql.Rows) error {
		if len(out.Events) == limit {
			out.More = true
			return nil
		}
		e, err := scanEvent(rows)
		out.Events = append(out.Events, e)
		return err
	})
}
