package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// logged is an event as PostgreSQL has it.
type logged struct {
	stream    string
	version   int64
	slot      int
	offset    int64
	epoch     int64
	kind      string
	data      string
	messageID string // empty but for the first event of a command
	response  string
}

// readLog reads all events with SQL, in the order of slots and offsets, and
// checks what holds of every log: no gap, no epoch that falls, no version and no
// message twice.
func readLog(t *testing.T, store string) []logged {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `
		SELECT stream, version, slot, slot_offset, epoch, type, convert_from(data, 'UTF8'), coalesce(message_id, ''), coalesce(command::json->>'response', '')
		FROM events ORDER BY slot, slot_offset`)
	if err != nil {
		t.Fatal(err)
	}
	log, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e logged, err error) {
		err = row.Scan(&e.stream, &e.version, &e.slot, &e.offset, &e.epoch, &e.kind, &e.data, &e.messageID, &e.response)
		return e, err
	})
	if err != nil {
		t.Fatal(err)
	}
	checkInvariants(t, log)
	return log
}

func checkInvariants(t *testing.T, log []logged) {
	t.Helper()
	versions, messages := map[string]int64{}, map[string]bool{}
	before := logged{slot: -1}
	for _, e := range log {
		if e.slot != before.slot {
			before = logged{slot: e.slot, offset: -1}
		}
		if e.offset != before.offset+1 || e.epoch < before.epoch {
			t.Errorf("slot %d: offset %d of epoch %d follows %d of epoch %d", e.slot, e.offset, e.epoch, before.offset, before.epoch)
		}
		if next := versions[e.stream]; e.version != next { // of one stream they stand in one slot
			t.Errorf("%s: version %d stands where %d belongs", e.stream, e.version, next)
		}
		versions[e.stream] = e.version + 1
		if id := e.stream + " " + e.messageID; e.messageID != "" && messages[id] {
			t.Errorf("message %s is stored twice", id)
		} else {
			messages[id] = true
		}
		before = e
	}
}

// storedInPostgres is stored, of a log in PostgreSQL.
func storedInPostgres(t *testing.T, store string) (byPackage map[string][]string, ids []string) {
	t.Helper()
	byPackage = map[string][]string{}
	for _, e := range readLog(t, store) {
		var body struct {
			Version string `json:"version"`
		}
		if err := json.Unmarshal([]byte(e.data), &body); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(e.stream, "packages-")
		byPackage[name] = append(byPackage[name], body.Version)
		ids = append(ids, e.messageID)
	}
	return byPackage, ids
}
