package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ringhold/ringhold/store"
)

// Config says where a group is kept.
type Config struct {
	// Path is the database file; it is made if it is not there, its directory
	// is not. PATH-wal, PATH-shm, PATH.lock and PATH.owner stand beside it.
	Path string
	// Group is the identity of the AggregateService. A file may hold several,
	// one after the other.
	Group string
	// Owner is what a second process is told: who has the file, and since when.
	Owner string
	// Migrate lets Open bring an older file, or a new one, to this binary's
	// schema. Otherwise such a file is refused with a *store.SchemaError.
	Migrate bool
}

// Validate reports all faults of c at once.
func (c Config) Validate() error {
	var errs []error
	if c.Path == "" {
		errs = append(errs, errors.New("sqlite: the path of the database file is missing"))
	}
	if c.Group == "" {
		errs = append(errs, errors.New("sqlite: the group is missing"))
	}
	return errors.Join(errs...)
}

// Store is a store.Store. It is safe for concurrent use.
type Store struct {
	path        string
	group       string
	incarnation string
	lock        *lock
	writes      *sql.DB // one connection, which the committer holds
	reads       *sql.DB
	stmts       statements // of readQueries, on reads
	committer   *committer
	now         func() time.Time

	// use is held for reading by every read, and for writing by Close.
	use    sync.RWMutex
	closed bool
}

var _ store.Store = (*Store)(nil)

// Open opens or makes the file. It returns a *store.LockedError while another
// process has it, and a *store.SchemaError when its schema and this binary do
// not fit. The context is for Open alone.
func Open(ctx context.Context, c Config) (*Store, error) {
	return open(ctx, c, now)
}

// now is the store's clock, in the microseconds that the file keeps.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func open(ctx context.Context, c Config, now func() time.Time) (_ *Store, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	path, err := locate(c.Path)
	if err != nil {
		return nil, explain(c.Path, "open", err)
	}
	s := &Store{path: path, group: c.Group, now: now}
	if s.lock, err = takeLock(path, c.Owner); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	if err := checkWritable(path, c.Migrate); err != nil {
		return nil, err
	}
	if err := s.openFile(ctx, c.Migrate); err != nil {
		return nil, explain(path, "open", err)
	}
	s.committer, err = startCommitter(ctx, s)
	return s, err
}

// openFile connects to the file, once it is known to be one for this binary:
// a file that is refused is left as it is.
func (s *Store) openFile(ctx context.Context, migrate bool) error {
	behind, err := inspect(ctx, s.path, migrate)
	if err != nil {
		return err
	}
	if s.writes, err = connect(s.path, writePragmas, 1); err != nil {
		return err
	}
	if behind {
		if err := prepareSchema(ctx, s.writes); err != nil {
			return err
		}
	}
	if err := s.writes.QueryRowContext(ctx, `SELECT incarnation FROM file`).Scan(&s.incarnation); err != nil {
		return err
	}
	if s.reads, err = connect(s.path, readPragmas, maxReaders); err != nil {
		return err
	}
	s.stmts, err = prepareReads(ctx, s.reads)
	return err
}

// SetOwner changes what a second process is told, such as an address that is
// known only after listening.
func (s *Store) SetOwner(owner string) error {
	s.use.RLock()
	defer s.use.RUnlock()
	if s.closed {
		return store.ErrClosed
	}
	return s.lock.describe(owner)
}

// Close ends all use: it waits for reads and writes in flight, folds the
// write-ahead log into the file and gives up the lock.
func (s *Store) Close() error {
	s.use.Lock()
	defer s.use.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.release()
}

// release undoes what Open did, as far as it came.
func (s *Store) release() error {
	var errs []error
	if s.reads != nil {
		errs = append(errs, s.stmts.close(), s.reads.Close())
	}
	if s.committer != nil {
		errs = append(errs, s.committer.stop())
	}
	if s.writes != nil { // the last connection: closing it removes the log
		errs = append(errs, s.writes.Close())
	}
	if err := errors.Join(append(errs, s.lock.release())...); err != nil {
		return fmt.Errorf("close the store %s: %w", s.path, err)
	}
	return nil
}
