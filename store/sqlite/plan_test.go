package sqlite

import (
	"database/sql"
	"strings"
	"testing"
)

// TestQueryPlans pins that no query of the hot paths, and none over the whole
// group, reads through a table or an index of events, or sorts.
func TestQueryPlans(t *testing.T) {
	s := openTest(t, testConfig(t))
	for name, query := range map[string]string{
		"streamEvents": streamEvents, "streamHead": streamHead, "seekStream": seekStream, "movedStreams": movedStreams,
		"staleClaims": staleClaims, "headOf": headOf, "release": release, "acquire": acquire, "renewed": renewed,
		"slotEvents":      slotEvents,
		"recordedCommand": recordedCommand,
		"last time":       `SELECT recorded_at FROM events ORDER BY rowid DESC LIMIT 1`,
	} {
		rows, err := s.reads.Query(`EXPLAIN QUERY PLAN `+query, make([]any, strings.Count(query, "?"))...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = scanAll(rows, func(rows *sql.Rows) error {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			for _, table := range []string{"events", "states", "slots", "members", "e", "s", "m", "n", "t"} {
				if step == "SCAN "+table && name != "last time" || strings.HasPrefix(step, "SCAN "+table+" ") || strings.Contains(step, "TEMP B-TREE") {
					t.Errorf("%s: %s", name, step)
				}
			}
			t.Logf("%s: %s", name, step)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
