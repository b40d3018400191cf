package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

const eventColumns = `stream, version, slot, slot_offset, epoch, type, schema_version, encoding, data, metadata, message_id, command, recorded_at`

const streamEvents = `SELECT ` + eventColumns + ` FROM events WHERE service_group = ? AND stream = ? AND version >= ? ORDER BY version LIMIT ?`

const slotEvents = `SELECT ` + eventColumns + ` FROM events WHERE service_group = ? AND slot = ? AND slot_offset >= ? ORDER BY slot_offset LIMIT ?`

const recordedCommand = `SELECT version, command FROM events WHERE service_group = ? AND stream = ? AND message_id = ? AND command IS NOT NULL`

const dueAlarms = `
SELECT id, stream, slot, due_at, message FROM alarms
WHERE service_group = ?1 AND slot IN (SELECT value FROM json_each(?2)) AND due_at < ?3 ORDER BY due_at, id LIMIT ?4`

const pendingErasures = `SELECT stream FROM erasures WHERE service_group = ? ORDER BY stream LIMIT ?`

const allMembers = `
SELECT member, pod_uid, address, writers, joined_at, lease_until, leaving, deposed
FROM members WHERE service_group = ? ORDER BY member`

const allSlots = `SELECT slot, coalesce(owner, ''), epoch FROM slots WHERE service_group = ? ORDER BY slot`

const newestRing = `SELECT version, body FROM rings WHERE service_group = ? ORDER BY version DESC LIMIT 1`

// readQueries are all that reads ask. Open prepares them: a read that prepared
// its query on the pool would hold one connection and wait for another, as would
// everybody who holds the others.
var readQueries = []string{
	streamHead, streamEvents, recordedCommand, seekStream, slotEvents, dueAlarms,
	pendingErasures, allMembers, allSlots, newestRing, staleClaims,
}

func prepareReads(ctx context.Context, db *sql.DB) (statements, error) {
	stmts := statements{}
	for _, query := range readQueries {
		st, err := db.PrepareContext(ctx, query)
		if err != nil {
			return stmts, fmt.Errorf("prepare a query: %w", err)
		}
		stmts[query] = st
	}
	return stmts, nil
}

// prepared returns a statement of readQueries.
func (s *Store) prepared(query string) (*sql.Stmt, error) {
	st := s.stmts[query]
	if st == nil {
		return nil, fmt.Errorf("the query is not among those that Open prepares: %s", query)
	}
	return st, nil
}
