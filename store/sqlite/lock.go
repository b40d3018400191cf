package sqlite

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gofrs/flock"

	"github.com/ringhold/ringhold/store"
)

// lock keeps other processes off a database. The operating system gives it up
// when the process ends, however that happens. Who has it stands in a file of
// its own: Windows lets nobody read a file that is locked.
type lock struct {
	path  string // of the database
	flock *flock.Flock
}

func (l *lock) ownerPath() string { return l.path + ".owner" }

func takeLock(path, owner string) (*lock, error) {
	l := &lock{path: path, flock: flock.New(path+".lock", flock.SetPermissions(0o600))}
	locked, err := l.flock.TryLock()
	if err != nil {
		return nil, explain(path, "lock", err)
	}
	if !locked {
		text, _ := os.ReadFile(l.ownerPath()) // without it the error only says less
		return nil, &store.LockedError{Path: path, Owner: strings.TrimSpace(string(text))}
	}
	if err := l.describe(owner); err != nil {
		return nil, errors.Join(err, l.release())
	}
	return l, nil
}

// describe says whose the lock is.
func (l *lock) describe(owner string) error {
	if err := os.WriteFile(l.ownerPath(), []byte(owner+"\n"), 0o644); err != nil {
		return fmt.Errorf("say who uses %s: %w", l.path, err)
	}
	return nil
}

// release gives the lock up. Its file stays: removing it would let two
// processes lock two files of the same name.
func (l *lock) release() error {
	if l == nil {
		return nil
	}
	err := os.Remove(l.ownerPath())
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, l.flock.Close())
}
