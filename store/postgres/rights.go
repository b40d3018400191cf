package postgres

import (
	"fmt"
	"strings"
)

// What the migrations make. A test holds the lists against the catalogue.
var (
	// tables are written by a process that serves.
	tables = []string{"alarms", "erasures", "events", "fences", "incarnation", "leases", "members", "rings", "service_groups", "slots", "snapshots", "states"}
	// views are for people.
	views = []string{"readable_events", "readable_members", "streams"}
	// functions are called by a process that serves, by the views, or by people.
	functions = []string{"acquire_v1", "append_v1", "depose_v1", "erase_v1", "events_of", "fence_v1", "incarnation_v1", "join_v1", "json_v1", "lock_fences_v1", "members_changed_v1",
		"raise_v1", "reap_v1", "release_v1", "renew_v1", "renewed_v1", "repeated_v1", "save_ring_v1", "stream_of", "verify_v1"}
)

// schemaTable says what the schema needs; only who migrates writes it.
const schemaTable = "schema"

// Tables returns the names of Ringhold's tables, in their order.
func Tables() []string { return append([]string{schemaTable}, tables...) }

// Views returns the names of Ringhold's views, without those of streams.
func Views() []string { return append([]string(nil), views...) }

// Place is what a URL names, with what libpq's environment and its defaults add.
type Place struct {
	Role, Database, Schema string
}

// ReadURL returns what a URL names. A URL that cannot be read is an *Error.
func ReadURL(raw string) (Place, error) {
	c, schema, err := parseURL(raw)
	if err != nil {
		return Place{}, err
	}
	p := Place{Role: c.User, Database: c.Database, Schema: schema}
	if p.Database == "" { // as the server does
		p.Database = p.Role
	}
	return p, nil
}

// Grants returns the statements that give a role what serving needs: rights on
// what the migrations made, and on nothing else that stands in the schema. After
// a migration that made more they have to be run again.
func Grants(schema, role string) []string {
	to := " TO " + quote(role)
	return []string{
		"GRANT USAGE ON SCHEMA " + quote(schema) + to,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON " + within(schema, tables) + to,
		"GRANT SELECT ON " + within(schema, append([]string{schemaTable}, views...)) + to,
		"GRANT EXECUTE ON FUNCTION " + within(schema, functions) + to,
	}
}

// within lists names of a schema.
func within(schema string, names []string) string {
	full := make([]string, len(names))
	for i, name := range names {
		full[i] = quote(schema) + "." + quote(name)
	}
	return strings.Join(full, ", ")
}

// missingRights names the tables and functions of the schema that the role may
// not use.
var missingRights = fmt.Sprintf(`
SELECT coalesce(string_agg(l.name, ', ' ORDER BY l.name), '') FROM (
  SELECT c.relname::text AS name
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname IN (%s)
    AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
      AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
  UNION
  SELECT p.proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
  WHERE n.nspname = $1 AND p.proname IN (%s) AND NOT has_function_privilege(p.oid, 'EXECUTE')) AS l`, literals(tables), literals(functions))

func literals(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = literal(name)
	}
	return strings.Join(quoted, ", ")
}
