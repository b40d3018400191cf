package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringhold/ringhold/store"
)

func TestOwnerIsTold(t *testing.T) {
	c := testConfig(t)
	c.Owner = "ringhold dev, pid 123"
	s := openTest(t, c)
	told := func(want string) {
		t.Helper()
		_, err := Open(t.Context(), c)
		var locked *store.LockedError
		if !errors.As(err, &locked) || locked.Owner != want || locked.Path != c.Path {
			t.Fatalf("a second opener is told %v, want %q", err, want)
		}
	}
	told("ringhold dev, pid 123")
	if err := s.SetOwner("ringhold dev, pid 123, listening on 127.0.0.1:8080"); err != nil {
		t.Fatal(err)
	}
	told("ringhold dev, pid 123, listening on 127.0.0.1:8080")
	if err := os.Remove(c.Path + ".owner"); err != nil {
		t.Fatal(err)
	}
	told("")
	closeTest(t, s)
	// What a killed process left says nothing to who gets the lock.
	if err := os.WriteFile(c.Path+".owner", []byte("somebody long dead, with a longer text than the next one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Owner = "the next"
	next := openTest(t, c)
	told("the next")
	closeTest(t, next)
	if err := next.SetOwner("a ghost"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after Close, SetOwner answers %v", err)
	}
	if _, err := os.Stat(c.Path + ".owner"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close, the owner's file is there: %v", err)
	}
}

// TestOpenFaults opens what cannot be opened: one error each, which names the
// file and says what to do. Afterwards the lock is free.
func TestOpenFaults(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	page := make([]byte, 8192)
	copy(page, "SQLite format 3\x00\x10\x00\x01\x01\x00\x40\x20\x20")
	copy(page[28:], "\x00\x00\x00\x02")
	for _, c := range []struct{ name, path, want string }{
		{"a directory that is not there", filepath.Join(dir, "none", "bank.db"), "create the directory " + filepath.Join(dir, "none")},
		{"a file for a directory", filepath.Join(write("file", nil), "bank.db"), "create the directory " + filepath.Join(dir, "file")},
		{"a directory for a file", dir, ""},
		{"another kind of file", write("text", bytes.Repeat([]byte("hello\n"), 2000)), "not a SQLite database"},
		{"a damaged file", write("damaged", page), "is damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 {
				_, err := Open(t.Context(), Config{Path: c.path, Group: "default.bank", Migrate: true})
				if err == nil || !strings.Contains(err.Error(), c.path) || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("open answers %v, want %q", err, c.want)
				}
				var locked *store.LockedError
				if errors.As(err, &locked) {
					t.Fatalf("the lock was not given up: %v", err)
				}
			}
		})
	}
	if _, err := Open(t.Context(), Config{}); err == nil || !strings.Contains(err.Error(), "path") || !strings.Contains(err.Error(), "group") {
		t.Errorf("an empty configuration: %v", err)
	}
}

func TestAdvice(t *testing.T) {
	for err, want := range map[error]string{
		fs.ErrPermission:                    "writable",
		&fs.PathError{Err: syscall.EROFS}:   "writable",
		&fs.PathError{Err: syscall.ENOTDIR}: "create the directory",
		&fs.PathError{Err: syscall.EISDIR}:  "name a file",
		errors.New("other"):                 "",
	} {
		got := explain("/data/bank.db", "open", fmt.Errorf("deep down: %w", err))
		if !errors.Is(got, err) || !strings.Contains(got.Error(), "/data/bank.db") || !strings.Contains(got.Error(), want) {
			t.Errorf("%v is explained as %v, want %q", err, got, want)
		}
	}
}

func TestPathsAreTakenLiterally(t *testing.T) {
	c := testConfig(t)
	c.Path = filepath.Join(filepath.Dir(c.Path), "a b%20&#é+;.db")
	m := newTestMember(t, openTest(t, c), "a", 0)
	m.mustAppend("accounts-a", 0, 1, "{}")
	if _, err := os.Stat(c.Path); err != nil {
		t.Error(err)
	}
}

// TestClockGoesBack sets the clock back, while the store is open and while it
// is not: what is recorded later never says that it was earlier.
func TestClockGoesBack(t *testing.T) {
	c := testConfig(t)
	clock := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	reopen := func() *Store {
		s, err := open(t.Context(), c, func() time.Time { return clock })
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := reopen()
	m := newTestMember(t, s, "a", 0)
	m.mustAppend("accounts-a", 0, 1, "{}")
	clock = clock.Add(-time.Hour)
	m.mustAppend("accounts-a", 1, 1, "{}")
	closeTest(t, s)
	s = reopen()
	defer closeTest(t, s)
	if deposed, err := s.Depose(t.Context(), store.Depose{Member: "a", Alone: true}); !deposed || err != nil {
		t.Fatal(deposed, err)
	}
	newTestMember(t, s, "b", 0).mustAppend("accounts-a", 2, 1, "{}")
	events, err := s.ReadSlot(t.Context(), 0, 0, 9)
	if err != nil || len(events) != 3 {
		t.Fatal(len(events), err)
	}
	for _, e := range events {
		if !e.RecordedAt.Equal(clock.Add(time.Hour)) {
			t.Errorf("event %d was recorded at %s", e.Version, e.RecordedAt)
		}
	}
}

// TestErasedIsGone looks for the payloads in the files themselves.
func TestErasedIsGone(t *testing.T) {
	c := testConfig(t)
	s := openTest(t, c)
	m := newTestMember(t, s, "a", 0)
	const secret = "hunter2-hunter2-hunter2"
	m.mustAppend("people-p", 0, 50, `"`+secret+strings.Repeat("x", 500)+`"`)
	a := &store.Append{Member: "a", Gen: 1, Claims: []store.Claim{m.claim}, Snapshots: []store.Snapshot{{Stream: "people-p", Version: 49, Data: []byte(secret)}},
		States: []store.State{{Stream: "people-p", Expected: 49, Version: 50, Data: []byte(secret)}},
		Alarms: []store.Alarm{{ID: "al", Stream: "people-p", Message: []byte(secret)}}}
	if err := m.w.Append(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	m.mustErase("people-p", 51)
	for done := false; !done; {
		var err error
		if done, err = s.Erase(t.Context(), "people-p", 7); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"events", "snapshots", "states", "alarms"} {
		var n int
		if err := s.reads.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil || (table == "events") != (n == 51) || table != "events" && n != 0 {
			t.Errorf("%s holds %d rows, %v", table, n, err)
		}
	}
	files, err := filepath.Glob(c.Path + "*") // the write-ahead log among them
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil || bytes.Contains(content, []byte(secret)) {
			t.Errorf("%s: the secret is in it, or %v", f, err)
		}
	}
}
