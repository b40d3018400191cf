package sqlite

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/store"
)

// plainFile makes a file as another program would: without the pragmas of the
// store.
func plainFile(t *testing.T, statements string) Config {
	t.Helper()
	c := testConfig(t)
	db, err := sql.Open("sqlite", c.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRefusedIsUnchanged opens what is not for this binary, and compares the
// file byte by byte.
func TestRefusedIsUnchanged(t *testing.T) {
	ours := fmt.Sprintf("PRAGMA application_id = %d;", applicationID)
	newer := ours + "CREATE TABLE schema (version, min_binary); INSERT INTO schema VALUES (99, 99)"
	foreign := func(err error) bool { return errors.Is(err, errForeign) }
	for name, c := range map[string]struct {
		made    string
		refused func(error) bool
	}{
		"a newer schema":           {newer, func(err error) bool { _, ok := errors.AsType[*store.SchemaError](err); return ok }},
		"tables of somebody":       {"CREATE TABLE bookmarks (a)", foreign},
		"a table of the same name": {"CREATE TABLE schema (version, min_binary); INSERT INTO schema VALUES (1, 1)", foreign},
		"an id of somebody":        {"PRAGMA application_id = 7", foreign},
	} {
		t.Run(name, func(t *testing.T) {
			config := plainFile(t, c.made)
			before, err := os.ReadFile(config.Path)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), config)
			if err == nil {
				closeTest(t, s)
			}
			if !c.refused(err) || !strings.Contains(err.Error(), config.Path) {
				t.Errorf("open answers %v", err)
			}
			if after, err := os.ReadFile(config.Path); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the refused file was changed, or %v", err)
			}
		})
	}
}

// TestMarkedIsGoneOnWith opens a file that was marked, and whose migrations did not end.
func TestMarkedIsGoneOnWith(t *testing.T) {
	c := plainFile(t, fmt.Sprintf("PRAGMA application_id = %d; CREATE TABLE begun (a)", applicationID))
	closeTest(t, openTest(t, c))
	s := openTest(t, c)
	var id int
	if err := s.reads.QueryRowContext(t.Context(), `PRAGMA application_id`).Scan(&id); err != nil || id != applicationID {
		t.Errorf("the application id is %d, %v", id, err)
	}
}

// TestRollsBackFirst opens a file that a crash left with a transaction to roll
// back, which a connection that only reads cannot do.
func TestRollsBackFirst(t *testing.T) {
	c := plainFile(t, fmt.Sprintf("PRAGMA application_id = %d; CREATE TABLE filler (a); INSERT INTO filler VALUES (zeroblob(100000))", applicationID))
	db, err := sql.Open("sqlite", c.Path+"?_pragma=cache_size(1)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `BEGIN; UPDATE filler SET a = randomblob(200000)`); err != nil {
		t.Fatal(err)
	}
	crashed := c
	crashed.Path = filepath.Join(t.TempDir(), "crashed.db")
	for _, suffix := range []string{"", "-journal"} {
		content, err := os.ReadFile(c.Path + suffix)
		if err == nil {
			err = os.WriteFile(crashed.Path+suffix, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	openTest(t, crashed)
}

// TestLinksShareTheLock opens a file by other names, one of them before it is
// there.
func TestLinksShareTheLock(t *testing.T) {
	c := testConfig(t)
	dir := t.TempDir()
	link := func(target, name string) Config {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
		other := c
		other.Path = filepath.Join(dir, name)
		return other
	}
	file, chain, folder := link(c.Path, "file.db"), link("file.db", "chain.db"), link(filepath.Dir(c.Path), "folder")
	folder.Path = filepath.Join(folder.Path, filepath.Base(c.Path))
	names := []Config{chain, file, folder, c}
	for _, first := range names {
		s := openTest(t, first)
		for _, second := range names {
			again, err := Open(t.Context(), second)
			if _, ok := errors.AsType[*store.LockedError](err); !ok {
				t.Errorf("%s is open, and opening %s answers %v", first.Path, second.Path, err)
			}
			if err == nil {
				closeTest(t, again)
			}
		}
		closeTest(t, s)
	}
	circle := link("circle.db", "circle.db")
	if _, err := Open(t.Context(), circle); err == nil || !strings.Contains(err.Error(), circle.Path) {
		t.Errorf("a link to itself answers %v", err)
	}
}
