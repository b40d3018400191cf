package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringhold/ringhold/internal/pgtest"
)

// server is the PostgreSQL server that is measured, with a connection of a
// superuser that asks what it has used.
type server struct {
	url        string
	own        *pgtest.Server // nil if it was there already
	conn       *pgx.Conn
	version    string
	number     int // 150018
	postmaster int // its process id, 0 if the server is on another machine
	settings   string
}

// ownSettings are those of a server that is started for the benchmark: fsync
// and synchronous_commit are on, checkpoints are not forced by a small log.
var ownSettings = map[string]string{
	"fsync":                        "on",
	"synchronous_commit":           "on",
	"full_page_writes":             "on",
	"shared_buffers":               "2GB",
	"max_wal_size":                 "4GB",
	"maintenance_work_mem":         "512MB",
	"checkpoint_completion_target": "0.9",
	"track_io_timing":              "off",
}

// statedSettings are shown with each answer.
var statedSettings = []string{
	"fsync", "synchronous_commit", "full_page_writes", "wal_compression", "wal_sync_method", "shared_buffers",
	"max_wal_size", "checkpoint_timeout", "commit_delay", "autovacuum", "jit",
}

func openServer(ctx context.Context, dir string) (s *server, err error) {
	s = &server{url: os.Getenv(postgresEnv)}
	if s.url == "" {
		if s.own, err = pgtest.Launch(ctx, pgtest.Options{Settings: ownSettings, DataDir: dir}); err != nil {
			return nil, fmt.Errorf("%w\nset $%s to the URL of a server, or leave PostgreSQL out with -stores memory,sqlite", err, postgresEnv)
		}
		s.url = s.own.Superuser(nil)
	}
	if s.conn, err = pgx.Connect(ctx, s.url); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to $%s: %w", postgresEnv, err), s.close())
	}
	if err := s.look(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// look finds out what server it is, and refuses one whose figures would mean
// nothing.
func (s *server) look(ctx context.Context) error {
	var super bool
	var backend int
	err := s.conn.QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('server_version_num')::int,
		pg_backend_pid(), current_setting('is_superuser') = 'on'`).Scan(&s.version, &s.number, &backend, &super)
	if err != nil {
		return fmt.Errorf("ask the server for its version: %w", err)
	}
	if !super {
		return fmt.Errorf("the user of $%s has to be a superuser: the benchmark makes checkpoints", postgresEnv)
	}
	var stated []string
	for _, name := range statedSettings {
		var value string
		if err := s.conn.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&value); err != nil {
			return fmt.Errorf("ask the server for %s: %w", name, err)
		}
		if value != "on" && (name == "fsync" || name == "synchronous_commit") {
			return fmt.Errorf("the server has %s = %s: what it measures is not durable", name, value)
		}
		stated = append(stated, name+"="+value)
	}
	s.settings = strings.Join(stated, ", ")
	// Only the same machine has this process, as a child of the postmaster.
	if b, err := readStat(backend); err == nil && b.name == "postgres" {
		s.postmaster = b.parent
	}
	return nil
}

// used returns the CPU time of the server's processes, the fsyncs of its log
// and the bytes that were written to it, so far; -1 for what is not known.
func (s *server) used(ctx context.Context) (cpu time.Duration, syncs, wal int64, err error) {
	counted := `SELECT wal_sync FROM pg_stat_wal`
	if s.number >= 180000 {
		counted = `SELECT coalesce(sum(fsyncs), 0)::int8 FROM pg_stat_io WHERE object = 'wal'`
	}
	if err := s.conn.QueryRow(ctx, counted).Scan(&syncs); err != nil {
		return 0, 0, 0, fmt.Errorf("ask the server for its fsyncs: %w", err)
	}
	if err := s.conn.QueryRow(ctx, `SELECT (pg_current_wal_insert_lsn() - '0/0')::int8`).Scan(&wal); err != nil {
		return 0, 0, 0, fmt.Errorf("ask the server for the end of its log: %w", err)
	}
	if s.postmaster == 0 {
		return -1, syncs, wal, nil
	}
	cpu, err = treeCPU(s.postmaster)
	return cpu, syncs, wal, err
}

// exec runs a statement of the benchmark's own.
func (s *server) exec(ctx context.Context, sql string, args ...any) error {
	if s.conn.IsClosed() { // an interrupted query closes it, and there is something to tidy up
		conn, err := pgx.Connect(ctx, s.url)
		if err != nil {
			return fmt.Errorf("connect again: %w", err)
		}
		s.conn = conn
	}
	if _, err := s.conn.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(strings.Fields(sql), " "), err)
	}
	return nil
}

// sessions are connections that wait for use.
type sessions chan *pgx.Conn

// lazySessions opens connections that do not wait for the disk when they commit.
func (s *server) lazySessions(ctx context.Context, n int) (sessions, error) {
	all := make(sessions, n)
	for range n {
		conn, err := pgx.Connect(ctx, s.url)
		if err == nil {
			all <- conn
			_, err = conn.Exec(ctx, `SET synchronous_commit = off`)
		}
		if err != nil {
			all.close()
			return nil, fmt.Errorf("open a session: %w", err)
		}
	}
	return all, nil
}

// close closes the connections, none of which is in use any more.
func (s sessions) close() {
	for len(s) > 0 {
		_ = (<-s).Close(context.Background()) // what it had to do is done, or was reported
	}
}

// schemaURL returns the server's URL with a schema as the search path.
func (s *server) schemaURL(schema string) (string, error) {
	u, err := url.Parse(s.url)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		return "", fmt.Errorf("$%s has to be a URL such as postgres://user@host/database", postgresEnv) // not the URL: it may hold a password
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func (s *server) close() (err error) {
	if s.conn != nil {
		err = s.conn.Close(context.Background())
	}
	if s.own != nil {
		defer func() { // outside of tests, Stop has no other way to say it
			if p := recover(); p != nil {
				err = errors.Join(err, fmt.Errorf("stop the server: %v", p))
			}
		}()
		s.own.Stop()
	}
	return err
}
