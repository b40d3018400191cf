package postgres

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringhold/ringhold/store"
)

// Store is a store.Store. It is safe for concurrent use.
type Store struct {
	url     string // as it may be shown
	raw     string // with its password: for connecting only
	schema  string
	group   string
	reading bool // and nothing else
	config  *pgconn.Config
	timeout time.Duration // of a write
	log     *slog.Logger
	reads   *pool
	leases  *leases

	// use is held for reading by every call, and for writing by Close.
	use    sync.RWMutex
	closed bool

	mu      sync.Mutex
	writers map[*writer]struct{} // that are open
}

var _ store.Store = (*Store)(nil)

// Open connects to the database. What is wrong with it is an *Error, a
// *PoolerError, or a *store.SchemaError when its schema and this binary do not
// fit. The context is for Open alone.
func Open(ctx context.Context, c Config) (*Store, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	config, schema, err := parseURL(c.URL)
	if err != nil {
		return nil, err
	}
	s := &Store{url: redact(c.URL), raw: c.URL, schema: schema, group: c.Group, reading: c.ReadOnly, config: config, timeout: c.WriteTimeout, log: c.Logger,
		leases: newLeases(), writers: map[*writer]struct{}{}}
	s.reads = newPool(c.ReadConnections, func(ctx context.Context) (*session, error) { return s.connect(ctx, "reads", readTimeout) })
	if err := s.inspect(ctx, c.Migrate); err != nil {
		return nil, err
	}
	se, _, err := s.reads.take(ctx) // with the settings of all sessions
	if err != nil {
		return nil, err
	}
	s.reads.give(se)
	if !s.reading {
		if err := s.warnOfSignals(ctx); err != nil {
			s.reads.drop()
			return nil, err
		}
	}
	return s, nil
}

// Close ends all use: it waits for reads and writes in flight, then closes all
// connections, those of writers too.
func (s *Store) Close() error {
	s.use.Lock()
	defer s.use.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	for w := range s.writers {
		w.end()
	}
	s.leases.end()
	s.reads.drop()
	return nil
}
