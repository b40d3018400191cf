package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// stuck lets an append stop in the network after n bytes and the writer give up.
func stuck(t *testing.T, m *testMember, stall func(n int) <-chan struct{}, n int, data string) (pid uint32) {
	t.Helper()
	pid = m.w.(*writer).session.conn.PID()
	met := stall(n)
	err := m.append("accounts-a", 0, data)
	if !errors.As(err, new(*store.UnknownOutcomeError)) {
		t.Fatalf("an append that has no answer ends with %v", err)
	}
	<-met
	return pid
}

// TestLateAppend has an append arrive after its writer gave up, came back with
// the next generation and found that nothing was stored (H2). Whatever part of
// it had arrived before, it stays so.
func TestLateAppend(t *testing.T) {
	direct, through, proxy := proxied(t)
	watch := raw(t, direct)
	for i, n := range []int{0, 1, 300, 600} {
		slot := ring.Slot(i)
		m := newTestMember(t, through, store.MemberID(fmt.Sprint("m-", i)), slot, time.Hour)
		mark := fmt.Sprintf("mark-%d", i)
		m.claim.Slot = slot
		proxy.Only(mark)
		pid := stuck(t, m, proxy.StallAfter, n, mark)
		if err := m.append("accounts-b", 0, ""); !errors.Is(err, errInDoubt) {
			t.Fatalf("an append of a writer in doubt ends with %v", err)
		}
		if err := m.w.Release(t.Context(), []store.Claim{m.claim}); !errors.Is(err, errInDoubt) {
			t.Fatalf("a release behind an append in doubt ends with %v", err) // H3
		}
		m.raise(2)
		if got := stored(t, direct, slot); got != 0 {
			t.Fatalf("%d bytes of an append stored %d events", n, got)
		}
		proxy.Resume()
		eventually(t, watch, "the old session ended", fmt.Sprintf(`SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = %d)`, pid))
		if got := stored(t, direct, slot); got != 0 {
			t.Fatalf("an append of an older generation came late and stored %d events", got)
		}
		m.mustAppend(fmtStream(i), 0, "next")
	}
}

func fmtStream(i int) message.Stream { return message.Stream(fmt.Sprint("accounts-", i)) }

// halfAppend locks the fence of a member as an append does, and sends neither
// the rest of it nor an end: no timeout of the server's ends that.
func halfAppend(t *testing.T, s *Store, m store.MemberID, gen int) *pgconn.PgConn {
	t.Helper()
	conn := raw(t, s)
	for _, name := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		run(t, conn, "SET "+name+" = 1000")
	}
	f := conn.Frontend()
	f.SendParse(&pgproto3.Parse{Query: fmt.Sprintf(`SELECT fence_v1('%s', '%s', 0, %d)`, testGroup, m, gen)})
	f.SendBind(&pgproto3.Bind{})
	f.SendExecute(&pgproto3.Execute{})
	f.Send(&pgproto3.Flush{})
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	for {
		msg, err := f.Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch msg := msg.(type) {
		case *pgproto3.CommandComplete:
			return conn
		case *pgproto3.ErrorResponse:
			t.Fatal(msg.Message)
		}
	}
}

// TestBlockedFence has half an append hold a fence: neither its own writer (H19)
// nor whoever deposes its member (H4) waits for it for long.
func TestBlockedFence(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	for name, overtake := range map[string]func(m *testMember) error{
		"raise": func(m *testMember) error { return m.w.Raise(t.Context(), m.gen+1) },
		"depose": func(m *testMember) error {
			ok, err := s.Depose(t.Context(), store.Depose{Member: m.id, Estimate: time.Now().Add(time.Hour), Incarnation: incarnation(t, s)})
			if err == nil && !ok {
				err = errors.New("it is not deposed")
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newTestMember(t, s, store.MemberID(name), 0, 0)
			holds := halfAppend(t, s, m.id, int(m.gen)).PID()
			began := time.Now()
			if err := overtake(m); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took < patience || took > patience+5*time.Second {
				t.Errorf("it took %s", took)
			}
			eventually(t, raw(t, s), "the session that held the fence ended", fmt.Sprintf(`SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = %d)`, holds))
		})
	}
}

// TestHeadAfterWaitedDepose deposes a member whose append is in its transaction:
// the adopter's head has that append (H8).
func TestHeadAfterWaitedDepose(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	a := newTestMember(t, s, "a", 3, 0)
	b := newTestMember(t, s, "b", 4, time.Hour)
	watch, appending := raw(t, s), raw(t, s)
	run(t, appending, "BEGIN; SELECT fence_v1('"+testGroup+"', 'a', 0, 1)")
	run(t, appending, `INSERT INTO events (service_group, slot, slot_offset, epoch, stream, version, type, schema_version, encoding, data, metadata, recorded_at)
		VALUES ('`+testGroup+`', 3, 0, 1, 'accounts-a', 0, 'happened', 1, 0, '', '', now())`)
	in := incarnation(t, s)
	deposed := make(chan error, 1)
	go func() {
		ok, err := s.Depose(context.WithoutCancel(t.Context()), store.Depose{Member: "a", Estimate: time.Now().Add(time.Hour), Incarnation: in})
		if err == nil && !ok {
			err = errors.New("it is not deposed")
		}
		deposed <- err
	}()
	eventually(t, watch, "the deposer waits", `SELECT EXISTS (SELECT 1 FROM pg_stat_activity
		WHERE application_name = 'ringhold deposer' AND wait_event_type = 'Lock' AND query LIKE '%depose_v1%')`)
	run(t, appending, "COMMIT")
	if err := <-deposed; err != nil {
		t.Fatal(err)
	}
	claims, err := b.w.Acquire(t.Context(), []ring.Slot{3})
	if err != nil || len(claims) != 1 || claims[0].Head != (store.Head{Offset: 0, Epoch: 1}) {
		t.Fatalf("acquired %+v, %v: the head has to be the append that was waited for", claims, err)
	}
	if err := a.append("accounts-a", 1, ""); !errors.As(err, new(*store.FencedError)) {
		t.Fatalf("an append of a deposed member ends with %v", err)
	}
}

// TestLostGeneration has a promotion lose the newest generation: the process's
// next one is newer than any that it used, so what is late stays refused (H18).
func TestLostGeneration(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	m := newTestMember(t, s, "a", 0, time.Hour)
	m.raise(2)
	late := m.one("accounts-a", 0, "late")
	run(t, raw(t, s), `UPDATE fences SET gen = 1`)
	m.raise(3)
	if err := m.w.Append(t.Context(), late); !errors.As(err, new(*store.FencedError)) {
		t.Fatalf("an append of generation 2 ends with %v at generation 3", err)
	}
	m.mustAppend("accounts-a", 0, "next")
}

func incarnation(t *testing.T, s *Store) string {
	t.Helper()
	r, err := s.Join(t.Context(), store.Member{ID: store.MemberID(fmt.Sprint("asks-", time.Now().UnixNano())), Writers: 1}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return r.Incarnation
}

// TestMissingSignalRight has members connect as different roles: who may not end
// the other's session is told which right that takes.
func TestMissingSignalRight(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	admin := openTest(t, Config{URL: server.Superuser(t)})
	conn := raw(t, admin)
	for _, role := range []string{"one", "two"} {
		run(t, conn, fmt.Sprintf(`CREATE ROLE %[1]s LOGIN; GRANT USAGE ON SCHEMA ringhold TO %[1]s;
			GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ringhold TO %[1]s`, role))
	}
	as := func(role string) *Store {
		return openTest(t, Config{URL: changed(t, server.Superuser(t), func(u *url.URL, _ url.Values) { u.User = url.User(role) }), WriteTimeout: soon})
	}
	one, two := as("one"), as("two")
	newTestMember(t, one, "a", 0, 0)
	half := halfAppend(t, one, "a", 1)
	depose := func() (bool, error) {
		return two.Depose(t.Context(), store.Depose{Member: "a", Estimate: time.Now().Add(time.Hour), Incarnation: incarnation(t, two)})
	}
	began := time.Now()
	_, err := depose()
	var e *Error
	if !errors.As(err, &e) || e.Kind != MissingRight || !strings.Contains(err.Error(), "pg_signal_backend") || time.Since(began) > soon/2 {
		t.Fatalf("without the right to end the session that holds the fence, deposing ends after %s with %v", time.Since(began), err)
	}
	run(t, conn, `GRANT pg_signal_backend TO two`)
	if ok, err := depose(); !ok || err != nil {
		t.Fatalf("with the right, deposing ends with %v, %v", ok, err)
	}
	eventually(t, conn, "the session that held the fence ended", fmt.Sprintf(`SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = %d)`, half.PID()))
}
