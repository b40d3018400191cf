package sqlite

import (
	"errors"
	"io/fs"
	"os"
)

// Remove closes the store and takes its file away, before another process can have
// the lock: for a file that was made for an import which then stored nothing. The
// file of the lock stays, as it always does.
func (s *Store) Remove() error {
	s.use.Lock()
	defer s.use.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	held := s.lock
	s.lock = nil
	errs := []error{s.release()}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(s.path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, held.release())...)
}
