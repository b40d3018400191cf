package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// fill puts a million events of 200,000 streams into the tables, and what goes
// with them.
func fill(t *testing.T, log *planLog, url string) {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	log.exec(`SET search_path = ` + pgx.Identifier{config.RuntimeParams["search_path"]}.Sanitize())
	for _, statement := range strings.Split(fillings, ";\n") {
		log.exec(statement)
	}
}

// The events are behind those of operations, which are few; that their offsets
// leave a gap concerns no plan.
const fillings = `
INSERT INTO events (service_group, slot, slot_offset, epoch, stream, version, type, schema_version, encoding, data, metadata, message_id, command, recorded_at)
  SELECT 'plans', s % 256, 1000 + (s / 256) * 5 + v, 1,
    'accounts-' || lpad(s::text, 7, '0'), v, CASE WHEN s % 1000 = 0 AND v = 2 THEN '$deleted' ELSE 'deposited' END, 1, 0,
    '{"amount":100}', '{}', 'm-' || s || '-' || v, '{"service":"deposit","hash":"' || repeat('0', 64) || '","events":1}', now()
  FROM generate_series(0, 199999) AS s, generate_series(0, 4) AS v;
INSERT INTO states
  SELECT 'plans', 'totals-' || lpad(s::text, 7, '0'), s % 256, 3, 1, 0, '{}', '[]' FROM generate_series(0, 49999) AS s;
INSERT INTO snapshots
  SELECT 'plans', 'accounts-' || lpad(s::text, 7, '0'), 2, 1, 0, '{}' FROM generate_series(1, 99999, 2) AS s;
INSERT INTO alarms
  SELECT 'plans', 'alarm-' || s, 'accounts-' || lpad(s::text, 7, '0'), s % 256, now(), '{}' FROM generate_series(0, 49999) AS s;
INSERT INTO erasures
  SELECT 'other', 'accounts-' || lpad(s::text, 7, '0'), 0 FROM generate_series(0, 49999) AS s;
INSERT INTO members
  SELECT 'group-' || s % 50, 'm' || s, '', '', 1, now(), true, true FROM generate_series(1, 5000) AS s;
INSERT INTO leases
  SELECT 'group-' || s % 50, 'm' || s, 1, 1, 1000000, now(), 0, 0, 0 FROM generate_series(1, 5000) AS s;
INSERT INTO fences (service_group, member, writer, gen, deposed)
  SELECT 'group-' || s % 50, 'm' || s, 0, 1, true FROM generate_series(1, 5000) AS s;
INSERT INTO slots (service_group, slot, owner, epoch)
  SELECT 'group-' || g, s, 'm' || s, 1 FROM generate_series(0, 49) AS g, generate_series(0, 1023) AS s;
INSERT INTO slots (service_group, slot, owner, epoch)
  SELECT 'plans', s, 'gone', 1 FROM generate_series(4, 255) AS s;
INSERT INTO rings
  SELECT 'group-' || s, 1, '{}' FROM generate_series(1, 5000) AS s`
