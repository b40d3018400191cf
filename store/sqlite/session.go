package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
)

// statements prepares each query once. It is safe for concurrent use.
type statements struct {
	prepare func(ctx context.Context, query string) (*sql.Stmt, error)

	mu      sync.RWMutex
	byQuery map[string]*sql.Stmt
}

func (s *statements) get(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.RLock()
	st := s.byQuery[query]
	s.mu.RUnlock()
	if st != nil {
		return st, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.byQuery[query]; st != nil {
		return st, nil
	}
	st, err := s.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	if s.byQuery == nil {
		s.byQuery = map[string]*sql.Stmt{}
	}
	s.byQuery[query] = st
	return st, nil
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, st := range s.byQuery {
		errs = append(errs, st.Close())
	}
	s.byQuery = nil
	return errors.Join(errs...)
}

// session is the connection that writes. It is the committer's goroutine's.
// Nothing interrupts its statements: what is under way is always finished.
type session struct {
	conn  *sql.Conn
	stmts statements
}

func openSession(ctx context.Context, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, stmts: statements{prepare: conn.PrepareContext}}, nil
}

func (s *session) exec(query string, args ...any) (sql.Result, error) {
	st, err := s.stmts.get(context.Background(), query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(context.Background(), args...)
}

// affected is exec for those who want to know how many rows it was.
func (s *session) affected(query string, args ...any) (int, error) {
	r, err := s.exec(query, args...)
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return int(n), err
}

// each calls scan for each row.
func (s *session) each(scan func(*sql.Rows) error, query string, args ...any) error {
	st, err := s.stmts.get(context.Background(), query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	return scanAll(rows, scan)
}

// one scans a single row into dest; sql.ErrNoRows if there is none.
func (s *session) one(dest []any, query string, args ...any) error {
	st, err := s.stmts.get(context.Background(), query)
	if err != nil {
		return err
	}
	return st.QueryRowContext(context.Background(), args...).Scan(dest...)
}

// end closes the connection itself, instead of giving it back to the pool.
func (s *session) end() error {
	err := s.stmts.close()
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn }) // which is how one asks for it
	if cerr := s.conn.Close(); cerr != nil && !errors.Is(cerr, sql.ErrConnDone) {
		err = errors.Join(err, cerr)
	}
	return err
}

func scanAll(rows *sql.Rows, scan func(*sql.Rows) error) error {
	for rows.Next() {
		if err := scan(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
