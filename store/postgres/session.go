package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// binaryFormat is the format of all parameters and results.
var binaryFormat = []int16{1}

// session is one connection with the statements that are prepared on it. It is
// for one goroutine at a time.
type session struct {
	name    string // which the server has as a setting of this session
	conn    *pgconn.PgConn
	wire    *wire
	stmts   map[string]*pgconn.StatementDescription
	warning string // what the server warned of during the statement
}

// wire counts what is sent, to know of a failure whether anything was.
type wire struct {
	net.Conn
	sent atomic.Int64
}

func (w *wire) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	w.sent.Add(int64(n))
	return n, err
}

// settings are those of every session. Plans must not depend on how full the
// tables were when they were made: every statement is one that an index answers,
// and is planned once, so what could lead away from the index is off. A server
// notices within seconds that its client's host is gone.
func (s *Store) settings(limit time.Duration) map[string]string {
	timeout := strconv.FormatInt(max(limit.Milliseconds()*9/10, 1), 10)
	set := map[string]string{
		"search_path":                         quote(s.schema),
		"client_min_messages":                 "warning",
		"plan_cache_mode":                     "force_generic_plan",
		"enable_seqscan":                      "off",
		"enable_bitmapscan":                   "off",
		"enable_hashjoin":                     "off",
		"enable_mergejoin":                    "off",
		"max_parallel_workers_per_gather":     "0",
		"jit":                                 "off",
		"statement_timeout":                   timeout,
		"idle_in_transaction_session_timeout": timeout,
		"tcp_keepalives_idle":                 "1",
		"tcp_keepalives_interval":             "1",
		"tcp_keepalives_count":                "3",
		"tcp_user_timeout":                    "5000",
		// What a role or a database may have set otherwise.
		"lock_timeout":                  "0",
		"idle_session_timeout":          "0",
		"default_transaction_isolation": "read committed",
	}
	if s.reading { // whatever its role may
		set["default_transaction_read_only"] = "on"
	}
	return set
}

// The purposes of the sessions that may hold what others wait for.
const (
	forWriter = "writer"
	forLeases = "leases"
)

// connect opens a session for a purpose, which its application_name names, and
// whose statements take no longer than limit.
func (s *Store) connect(ctx context.Context, purpose string, limit time.Duration) (*session, error) {
	c := s.config.Copy()
	maps.Copy(c.RuntimeParams, s.settings(limit))
	c.RuntimeParams["application_name"] = "ringhold " + purpose
	se, err := dial(ctx, c)
	if err != nil {
		return nil, s.explain("connect to", err)
	}
	se.within(limit)
	if err := s.furnish(ctx, se, purpose, limit); err != nil {
		se.kill()
		return nil, s.explain("connect to", err)
	}
	se.within(0)
	return se, nil
}

// checkClient lets the server look whether its client is still there, where the
// system that it runs on can tell.
const checkClient = `DO $$ BEGIN SET client_connection_check_interval = 1000; EXCEPTION WHEN invalid_parameter_value THEN NULL; END $$;`

// furnish gives a session what cannot be asked for at its start, and finds out
// whether it can be used: the server may have become another one, or have other
// settings, since the store was opened. It is one round trip. The session's name
// is not asked for at the start, since what is may be repeated by something on
// the way, for a session that it puts in the place of this one.
func (s *Store) furnish(ctx context.Context, se *session, purpose string, limit time.Duration) error {
	se.name = newSessionName()
	sql := checkClient
	// From 17 on a half-sent append ends by itself.
	if major, err := strconv.Atoi(leading(se.conn.ParameterStatus("server_version"))); err == nil && major >= 17 {
		sql += "SET transaction_timeout = " + strconv.FormatInt(limit.Milliseconds()+1000, 10) + ";"
	}
	sql += `SELECT set_config('` + sessionSetting + `', '` + se.name + `', false), current_setting('synchronous_commit'), ` + takesNoWrites
	if purpose == forWriter || purpose == forLeases {
		sql += s.beKnown()
	}
	results, err := se.conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return err
	}
	last := results[len(results)-1]
	if len(last.Rows) != 1 {
		return fmt.Errorf("the server answered with %d rows", len(last.Rows))
	}
	return s.fit("connect to", string(last.Rows[0][1]), string(last.Rows[0][2]) == "t")
}

// within bounds what follows on the connection; 0: nothing does. On one that is
// closed what follows fails in any case.
func (se *session) within(limit time.Duration) {
	var until time.Time
	if limit != 0 {
		until = time.Now().Add(limit)
	}
	_ = se.wire.SetDeadline(until)
}

// leading returns the digits that text begins with.
func leading(text string) string {
	return text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
}

var errNoCancel = errors.New("a session that is broken is left alone")

// dial connects. A connection that breaks is closed at once, without a request
// to cancel what it did: that would be a connection more, to a server that may
// be away.
func dial(ctx context.Context, c *pgconn.Config) (*session, error) {
	se := &session{stmts: map[string]*pgconn.StatementDescription{}}
	connected, reach := new(atomic.Bool), c.DialFunc
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if connected.Load() {
			return nil, errNoCancel
		}
		return reach(ctx, network, address)
	}
	c.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
		se.wire = &wire{Conn: conn}
		return se.wire, nil
	}
	c.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			se.warning = fmt.Sprintf("%s (%s)", n.Message, n.Code)
		}
	}
	conn, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	connected.Store(true)
	se.conn = conn
	return se, nil
}

// kill ends the connection at once. Killing twice is harmless.
func (se *session) kill() {
	_ = se.wire.Close() // what it says changes nothing
	_ = se.conn.Close(context.Background())
	<-se.conn.CleanupDone()
}

// end takes leave of the server; the connection has to be idle.
func (se *session) end() {
	se.within(time.Second)
	_ = se.conn.Close(context.Background())
	<-se.conn.CleanupDone()
}

// prepare prepares each statement once.
func (se *session) prepare(ctx context.Context, query string) (*pgconn.StatementDescription, error) {
	if st := se.stmts[query]; st != nil {
		return st, nil
	}
	st, err := se.conn.Prepare(ctx, "r"+strconv.Itoa(len(se.stmts)), query, nil)
	if err == nil {
		se.stmts[query] = st
	}
	return st, err
}

// call runs a statement and gives each row to row, whose values are valid until
// it returns; row may be nil. sent says whether anything of it was sent: if not,
// an error means that nothing happened.
func (se *session) call(ctx context.Context, query string, p *params, row func(values [][]byte) error) (sent bool, err error) {
	if p.tooLarge() {
		return false, fmt.Errorf("%d bytes are more than one statement can carry", len(p.buf))
	}
	st, err := se.prepare(ctx, query)
	if err != nil {
		return false, err
	}
	se.warning = ""
	before := se.wire.sent.Load()
	r := se.conn.ExecStatement(ctx, st, p.encoded(), binaryFormat, binaryFormat)
	var fault error
	for r.NextRow() {
		if row != nil && fault == nil {
			fault = row(r.Values())
		}
	}
	if _, err = r.Close(); err == nil {
		err = fault
	}
	return se.wire.sent.Load() != before, err
}

// write is call for what changes something: on error it says by a
// *store.UnknownOutcomeError that nobody knows what happened. lost reports that
// the session is of no use any more; it is killed then.
func (se *session) write(ctx context.Context, query string, p *params, row func(values [][]byte) error) (lost bool, err error) {
	sent, err := se.call(ctx, query, p, row)
	if se.warning != "" {
		err = unknown(fmt.Errorf("the server warned: %s", se.warning))
		se.kill()
		return true, err
	}
	if err == nil {
		return false, nil
	}
	// A session without the right to write may stay so for ever: its database
	// was changed, or what is behind the address.
	lost = se.conn.IsClosed() || sqlState(err) == stateReadOnly
	if sent && !aborted(err) {
		err = unknown(err)
		lost = true
	}
	if lost {
		se.kill()
	}
	return lost, err
}
