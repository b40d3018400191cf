package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"

	"github.com/ringhold/ringhold/store"
)

// maxReaders bounds the connections for reads, each with a page cache.
const maxReaders = 8

// writePragmas are those of the one connection that writes. A cache of 64 MiB
// keeps the hot ends of the indexes, which appends touch all over; a checkpoint
// each 32 MiB instead of each 4 halves the writes to the file. secure_delete
// overwrites what is erased.
var writePragmas = []string{
	"journal_mode(WAL)",
	"synchronous(FULL)",
	"busy_timeout(5000)",
	"wal_autocheckpoint(8000)",
	"cache_size(-65536)",
	"temp_store(MEMORY)",
	"secure_delete(ON)",
	"fullfsync(ON)", // on macOS, where fsync alone does not reach the disk
	"checkpoint_fullfsync(ON)",
}

// logPragmas are those of the connection that empties the write-ahead log.
var logPragmas = []string{
	"busy_timeout(200)",
	"synchronous(FULL)",
	"fullfsync(ON)",
	"checkpoint_fullfsync(ON)",
}

var readPragmas = []string{
	"busy_timeout(5000)",
	"query_only(ON)",
	"cache_size(-8192)",
}

// connect returns a pool of up to n connections; none is opened yet.
func connect(path string, pragmas []string, n int) (*sql.DB, error) {
	return connectMode(path, "rwc", pragmas, n)
}

// connectMode is connect with a mode of SQLite's: ro, rw, or rwc, which makes
// the file.
func connectMode(path, mode string, pragmas []string, n int) (*sql.DB, error) {
	// Where it exists, fdatasync is as durable as fsync and half as slow. It
	// is a setting of the process; elsewhere the call changes nothing.
	_, _ = sqlite.Fdatasync(true)
	name, err := fileURI(path)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", name+"?mode="+mode+"&_txlock=deferred&_pragma="+strings.Join(pragmas, "&_pragma="))
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", path, err)
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// fileURI names a file so that no character of its path is taken for syntax.
func fileURI(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("open the store %s: %w", path, err)
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // C:/data: a URI's path begins with a slash
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String(), nil
}

// checkWritable finds out, before SQLite does in its own words, whether the
// file can be written, or made if that is wanted.
func checkWritable(path string, create bool) error {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if !create && errors.Is(err, os.ErrNotExist) {
		err = &store.SchemaError{Binary: Schema}
	}
	if err != nil {
		return explain(path, "open", err)
	}
	return f.Close()
}
