package postgres_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ringhold/ringhold/store/postgres"
)

// views makes the view of a stream, and a person who may read what people read.
func views(t *testing.T, s *postgres.Store, log *planLog, url string) {
	t.Helper()
	if err := s.CreateStreamView(t.Context(), "accounts"); err != nil {
		t.Fatal(err)
	}
	place, err := postgres.ReadURL(url)
	if err != nil {
		t.Fatal(err)
	}
	schema := pgx.Identifier{place.Schema}.Sanitize()
	log.exec(fmt.Sprintf(`CREATE ROLE person; GRANT USAGE ON SCHEMA %[1]s TO person;
		GRANT SELECT ON %[1]s.streams, %[1]s.readable_events, %[1]s.accounts TO person`, schema))
}

// checkViews: what a person asks of one aggregate is answered by the indexes, at
// a million events, in a session whose settings and search_path are the person's.
func checkViews(t *testing.T, log *planLog, url string) {
	place, err := postgres.ReadURL(url)
	if err != nil {
		t.Fatal(err)
	}
	schema := pgx.Identifier{place.Schema}.Sanitize()
	log.exec(`SET ROLE person; SET search_path = pg_catalog`)
	defer log.exec(`RESET ROLE; RESET search_path`)
	for query, want := range map[string]struct {
		rows, blocks int
	}{
		`SELECT * FROM %s.accounts WHERE stream = 'accounts-0123456'`:                                                                    {1, 60},
		`SELECT * FROM %s.accounts WHERE stream = 'accounts-0123456' AND service_group = 'plans'`:                                        {1, 60},
		`SELECT * FROM %s.streams WHERE stream = 'totals-0000010'`:                                                                       {1, 60},
		`SELECT * FROM %s.streams WHERE stream = 'accounts-0001000' AND deleted`:                                                         {0, 60}, // it has gone on
		`SELECT * FROM %s.accounts WHERE stream BETWEEN 'accounts-0123450' AND 'accounts-0123459'`:                                       {10, 300},
		`SELECT * FROM %s.stream_of('accounts', '0123456')`:                                                                              {1, 60},
		`SELECT id, version FROM %s.stream_of('totals', '0000010') WHERE service_group = 'plans'`:                                        {1, 60},
		`SELECT version, data FROM %s.events_of('accounts', '0123456')`:                                                                  {5, 60},
		`SELECT version, data FROM %s.events_of('accounts', '0123456') WHERE version >= 3`:                                               {2, 60},
		`SELECT version, data FROM %s.readable_events WHERE stream = 'accounts-0123456' ORDER BY version`:                                {5, 60},
		`SELECT version, data FROM %s.readable_events WHERE slot = 77 AND slot_offset BETWEEN 2000 AND 2009 AND service_group = 'plans'`: {10, 60},
	} {
		query = fmt.Sprintf(query, schema)
		var text []byte
		if err := log.conn.QueryRow(t.Context(), `EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) `+query).Scan(&text); err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		var explained []struct{ Plan plan }
		if err := json.Unmarshal(text, &explained); err != nil {
			t.Fatal(err)
		}
		root := &explained[0].Plan
		if int(root.Rows) != want.rows || root.Hit+root.Read > want.blocks {
			t.Errorf("%s: %.0f rows from %d blocks, want %d from at most %d: %s", query, root.Rows, root.Hit+root.Read, want.rows, want.blocks, used([]plan{*root}))
		}
		root.each(func(p *plan) {
			if p.Node == "Seq Scan" && (p.Relation == "events" || p.Relation == "states") {
				t.Errorf("%s scans all of %s", query, p.Relation)
			}
		})
	}
}
