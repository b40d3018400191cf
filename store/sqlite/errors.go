package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// explain wraps what SQLite or the operating system said with the file and
// what a person can do about it.
func explain(path, doing string, err error) error {
	if err == nil {
		return nil
	}
	if hint := advice(path, err); hint != "" {
		return fmt.Errorf("%s the store %s: %w: %s", doing, path, err, hint)
	}
	return fmt.Errorf("%s the store %s: %w", doing, path, err)
}

func advice(path string, err error) string {
	dir := filepath.Dir(path)
	switch {
	case errors.Is(err, errForeign):
		return "name another file"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Sprintf("create the directory %s, or name another one", dir)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Sprintf("make the file and the directory %s writable for this user, or name another one", dir)
	case errors.Is(err, syscall.EISDIR):
		return "name a file in that directory"
	}
	switch code := resultCode(err); code & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Sprintf("the disk of %s is full: make room; nothing that was acknowledged is lost", dir)
	case sqlite3.SQLITE_READONLY:
		return fmt.Sprintf("make the file and the directory %s writable for this user", dir)
	case sqlite3.SQLITE_CANTOPEN:
		return fmt.Sprintf("look at the rights of the files and of the directory %s", dir)
	case sqlite3.SQLITE_NOTADB:
		return "the file is not a SQLite database: name another one"
	case sqlite3.SQLITE_CORRUPT:
		return "the file is damaged: keep a copy of it, and restore a backup or salvage it with sqlite3's .recover"
	case sqlite3.SQLITE_IOERR:
		return fmt.Sprintf("the disk of %s failed: look at the system's log", dir)
	case sqlite3.SQLITE_BUSY:
		return "another program has the database locked: end it"
	}
	return ""
}

// resultCode returns SQLite's extended result code, or 0.
func resultCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// isUnique reports whether err is the violation of a unique index.
func isUnique(err error) bool {
	code := resultCode(err)
	return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}
