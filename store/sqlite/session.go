package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// statements are prepared ones by their query.
type statements map[string]*sql.Stmt

func (s statements) close() error {
	var errs []error
	for _, st := range s {
		errs = append(errs, st.Close())
	}
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
	return &session{conn: conn, stmts: statements{}}, nil
}

// prepared prepares each query once.
func (s *session) prepared(query string) (*sql.Stmt, error) {
	if st := s.stmts[query]; st != nil {
		return st, nil
	}
	st, err := s.conn.PrepareContext(context.Background(), query)
	if err == nil {
		s.stmts[query] = st
	}
	return st, err
}

func (s *session) exec(query string, args ...any) (sql.Result, error) {
	st, err := s.prepared(query)
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
	st, err := s.prepared(query)
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
	st, err := s.prepared(query)
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
