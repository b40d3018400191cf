package postgres

import (
	"slices"
	"testing"

	"github.com/ringhold/ringhold/internal/pgtest"
)

// The lists are what the migrations make, and what stands beside it in the schema
// is nobody's business.
func TestRights_OfRingholdsOwn(t *testing.T) {
	url := pgtest.URL(t)
	place, err := ReadURL(url)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{URL: url, Group: "test", Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	se, _, err := s.reads.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer se.kill()
	names := func(query string) []string {
		t.Helper()
		result := se.conn.ExecParams(t.Context(), query, [][]byte{[]byte(place.Schema)}, []uint32{oidText}, nil, nil).Read()
		if result.Err != nil {
			t.Fatal(result.Err)
		}
		var out []string
		for _, row := range result.Rows {
			if name := string(row[0]); name != migrationsTable {
				out = append(out, name)
			}
		}
		slices.Sort(out)
		return out
	}
	const relations = `SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = `
	want := Tables()
	slices.Sort(want)
	if got := names(relations + `'r'`); !slices.Equal(got, want) {
		t.Errorf("the tables are %v, listed are %v", got, want)
	}
	if got := names(relations + `'v'`); !slices.Equal(got, Views()) {
		t.Errorf("the views are %v, listed are %v", got, Views())
	}
	if got := names(`SELECT DISTINCT p.proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = $1`); !slices.Equal(got, functions) {
		t.Errorf("the functions are %v, listed are %v", got, functions)
	}
	if _, err := se.conn.Exec(t.Context(), "CREATE TABLE orders (id integer)").ReadAll(); err != nil {
		t.Fatal(err)
	}
	for _, statement := range Grants(place.Schema, "pg_monitor") { // a role that every server has
		if _, err := se.conn.Exec(t.Context(), statement).ReadAll(); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if got := names(`SELECT relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND relkind = 'r' AND has_table_privilege('pg_monitor', c.oid, 'INSERT')`); !slices.Equal(got, tables) {
		t.Errorf("the role may write %v, want %v", got, tables)
	}
	if got := names(`SELECT 'default' FROM pg_default_acl AS d JOIN pg_namespace AS n ON n.oid = d.defaclnamespace WHERE n.nspname = $1`); len(got) > 0 {
		t.Error("rights on what is yet to come were granted")
	}
}

// Role, database and schema are those that the connection will have, wherever
// they are said.
func TestReadURL(t *testing.T) {
	for _, name := range []string{"PGUSER", "PGDATABASE", "PGHOST", "PGSERVICE", "PGPASSFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("PGUSER", "fromenv")
	for raw, want := range map[string]Place{
		"postgres://me@h/db?search_path=a":            {"me", "db", "a"},
		"postgres://h":                                {"fromenv", "fromenv", DefaultSchema},
		"postgres:///db?host=/run/postgresql":         {"fromenv", "db", DefaultSchema},
		"postgres://me@h?search_path=%22a,B%22,other": {"me", "me", "a,B"},
		"postgres://me@h?search_path=A,%20other":      {"me", "me", "a"},
	} {
		if got, err := ReadURL(raw); err != nil || got != want {
			t.Errorf("%s names %+v, %v, want %+v", raw, got, err, want)
		}
	}
}
