package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ringhold/ringhold/store"
)

func TestSchemaNumbers(t *testing.T) {
	c := testConfig(t)
	c.Migrate = false
	refused := func(want store.SchemaError) {
		t.Helper()
		_, err := Open(t.Context(), c)
		var got *store.SchemaError
		if !errors.As(err, &got) || *got != want {
			t.Fatalf("open answers %v, want %v", err, &want)
		}
	}
	refused(store.SchemaError{Binary: Schema})
	if _, err := os.Stat(c.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made that nobody asked for: %v", err)
	}
	if err := os.WriteFile(c.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(store.SchemaError{Binary: Schema}) // an empty file is a new one
	c.Migrate = true
	closeTest(t, openTest(t, c))
	c.Migrate = false
	closeTest(t, openTest(t, c))

	set := func(version, minBinary int) {
		t.Helper()
		db, err := connect(c.Path, writePragmas, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`UPDATE schema SET version = ?, min_binary = ?`, version, minBinary); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	set(Schema+5, Schema) // a newer release was here, and left the way back open
	s := openTest(t, c)
	newTestMember(t, s, "a", 0).mustAppend("accounts-a", 0, 1, "{}")
	closeTest(t, s)
	set(Schema+5, Schema+1)
	for _, c.Migrate = range []bool{false, true} {
		refused(store.SchemaError{Version: Schema + 5, MinBinary: Schema + 1, Binary: Schema})
	}
	set(Schema-1, 0)
	c.Migrate = false
	refused(store.SchemaError{Version: Schema - 1, MinBinary: 0, Binary: Schema})
}

// TestMigrations checks that the newest migration is this binary's schema and
// says so in the schema row.
func TestMigrations(t *testing.T) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(files) != Schema {
		t.Fatalf("%d migrations, the schema is %d, %v", len(files), Schema, err)
	}
	for i, f := range files {
		if !strings.HasPrefix(f, fmt.Sprintf("migrations/%05d_", i+1)) {
			t.Errorf("migration %d is %s", i+1, f)
		}
	}
	s := openTest(t, testConfig(t))
	row, err := readSchema(t.Context(), s.reads)
	if err != nil || row.version != Schema || row.minBinary < 1 || row.minBinary > Schema {
		t.Errorf("the schema row is %+v, %v", row, err)
	}
}

// TestMigrationFails breaks the second of two migrations: the first stays, of
// the second nothing does, and the error names it.
func TestMigrationFails(t *testing.T) {
	db, err := connect(testConfig(t).Path, writePragmas, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte("-- +goose Up\n" + text)} }
	files := fstest.MapFS{
		"migrations/00001_one.sql": file("CREATE TABLE one (a);"),
		"migrations/00002_two.sql": file("CREATE TABLE two (a);\nCREATE TABLE one (a);"),
	}
	if err := applyMigrations(t.Context(), db, files); err == nil || !strings.Contains(err.Error(), "00002_two.sql") {
		t.Fatalf("a migration that fails answers %v", err)
	}
	tables := func() string {
		var names sql.NullString
		if err := db.QueryRow(`SELECT group_concat(name) FROM sqlite_schema WHERE name IN ('one', 'two')`).Scan(&names); err != nil {
			t.Fatal(err)
		}
		return names.String
	}
	if got := tables(); got != "one" {
		t.Fatalf("the file holds the tables %s", got)
	}
	files["migrations/00002_two.sql"] = file("CREATE TABLE two (a);")
	if err := applyMigrations(t.Context(), db, files); err != nil || tables() != "one,two" {
		t.Fatalf("mended, it answers %v and leaves %s", err, tables())
	}
}
