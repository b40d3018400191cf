package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

const testGroup = "default.bank"

// soon is enough for anything that is not meant to wait.
const soon = 30 * time.Second

// openTest opens a store and closes it with the test.
func openTest(t *testing.T, c Config) *Store {
	t.Helper()
	c.Group, c.Migrate = testGroup, true
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// proxied opens a store directly, and the same one through a proxy with a short
// write timeout.
func proxied(t *testing.T) (direct, through *Store, p *pgtest.Proxy) {
	t.Helper()
	address := pgtest.URL(t)
	direct = openTest(t, Config{URL: address})
	p = pgtest.NewProxy(t, hostPort(direct.config))
	return direct, openTest(t, Config{URL: p.URL(address), WriteTimeout: 500 * time.Millisecond}), p
}

func hostPort(c *pgconn.Config) string {
	_, address := pgconn.NetworkAddress(c.Host, c.Port)
	return address
}

// testMember owns one slot.
type testMember struct {
	t     *testing.T
	w     store.Writer
	id    store.MemberID
	gen   store.Generation
	claim store.Claim
}

func newTestMember(t *testing.T, s *Store, id store.MemberID, slot ring.Slot, lease time.Duration) *testMember {
	t.Helper()
	if _, err := s.Join(t.Context(), store.Member{ID: id, Writers: 1}, lease); err != nil {
		t.Fatal(err)
	}
	w, err := s.Writer(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	m := &testMember{t: t, w: w, id: id}
	m.raise(1)
	claims, err := w.Acquire(t.Context(), []ring.Slot{slot})
	if err != nil {
		t.Fatal(err)
	}
	if len(claims) == 1 {
		m.claim = claims[0]
	}
	return m
}

func (m *testMember) raise(g store.Generation) {
	m.t.Helper()
	if err := m.w.Raise(m.t.Context(), g); err != nil {
		m.t.Fatalf("raise to %d: %v", g, err)
	}
	m.gen = g
}

// one is an append of one event at the head of the slot.
func (m *testMember) one(stream message.Stream, v message.Version, data string) *store.Append {
	return &store.Append{Member: m.id, Gen: m.gen, Claims: []store.Claim{m.claim}, Events: []store.Event{{
		Stream: stream, Version: v, Slot: m.claim.Slot, Offset: m.claim.Head.Offset + 1, Epoch: m.claim.Epoch, Type: "happened", Schema: 1, Data: []byte(data),
	}}}
}

func (m *testMember) append(stream message.Stream, v message.Version, data string) error {
	err := m.w.Append(m.t.Context(), m.one(stream, v, data))
	if err == nil {
		m.claim.Head = store.Head{Offset: m.claim.Head.Offset + 1, Epoch: m.claim.Epoch}
	}
	return err
}

func (m *testMember) mustAppend(stream message.Stream, v message.Version, data string) {
	m.t.Helper()
	if err := m.append(stream, v, data); err != nil {
		m.t.Fatal(err)
	}
}

// stored counts the events of a slot.
func stored(t *testing.T, s *Store, slot ring.Slot) int {
	t.Helper()
	events, err := s.ReadSlot(t.Context(), slot, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return len(events)
}

// raw is a session of a test's own, with the store's search_path.
func raw(t *testing.T, s *Store) *pgconn.PgConn {
	t.Helper()
	c := s.config.Copy()
	c.RuntimeParams["search_path"] = quote(s.schema)
	conn, err := pgconn.ConnectConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close(context.WithoutCancel(t.Context()))
		<-conn.CleanupDone()
	})
	return conn
}

func run(t *testing.T, conn *pgconn.PgConn, sql string) [][][]byte {
	t.Helper()
	results, err := conn.Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return results[len(results)-1].Rows
}

// eventually asks until the answer is true.
func eventually(t *testing.T, conn *pgconn.PgConn, what, sql string) {
	t.Helper()
	for until := time.Now().Add(soon); time.Now().Before(until); {
		if rows := run(t, conn, "SELECT pg_sleep(0.005); "+sql); len(rows) == 1 && string(rows[0][0]) == "t" {
			return
		}
	}
	t.Fatalf("it did not come to pass that %s", what)
}
