package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// TestCutWriter cuts the connection at many bytes of an append, and of its
// answer. The outcome is unknown; after the next generation it is certain, and
// the writer goes on from what is stored.
func TestCutWriter(t *testing.T) {
	direct, through, proxy := proxied(t)
	m := newTestMember(t, through, "a", 0, time.Hour)
	gen, v := store.Generation(1), message.Version(0)
	lost, kept := 0, 0
	for _, c := range []struct {
		name string
		cut  func(int) <-chan struct{}
		at   []int
	}{
		{"request", proxy.CutAfter, []int{0, 1, 64, 300, 500}},
		{"answer", proxy.CutAnswerAfter, []int{0, 1, 5, 20}},
	} {
		for _, at := range c.at {
			mark := fmt.Sprintf("mark-%s-%d", c.name, at)
			proxy.Only(mark)
			met := c.cut(at)
			err := m.append("accounts-a", v, mark)
			if !errors.As(err, new(*store.UnknownOutcomeError)) {
				t.Fatalf("%s cut at byte %d: the append ends with %v", c.name, at, err)
			}
			<-met
			gen++
			m.raise(gen)
			if n := stored(t, direct, 0); message.Version(n) == v+1 {
				kept++
				v++
				m.claim.Head = store.Head{Offset: m.claim.Head.Offset + 1, Epoch: m.claim.Epoch}
			} else {
				lost++
			}
			if stale, err := m.w.Verify(t.Context(), []store.Claim{m.claim}); err != nil || len(stale) > 0 {
				t.Fatalf("%s cut at byte %d: %+v are not what is stored, %v", c.name, at, stale, err)
			}
			m.mustAppend("accounts-a", v, "next")
			v++
		}
	}
	if lost < 4 || kept != 4 {
		t.Errorf("%d appends were lost and %d stored: those whose answer was cut have to be stored", lost, kept)
	}
}

// TestWarning has the server warn during an append that it stores, as it does
// when a commit's wait for a standby is interrupted (H6).
func TestWarning(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	m := newTestMember(t, s, "a", 0, time.Hour)
	admin := raw(t, s)
	run(t, admin, `CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'only here'; RETURN NULL; END $$`)
	run(t, admin, `CREATE TRIGGER warn AFTER INSERT ON events EXECUTE FUNCTION warn()`)
	err := m.append("accounts-a", 0, "")
	if !errors.As(err, new(*store.UnknownOutcomeError)) || !strings.Contains(err.Error(), "only here") {
		t.Fatalf("an append with a warning ends with %v", err)
	}
	run(t, admin, `DROP TRIGGER warn ON events`)
	m.raise(2)
	if n := stored(t, s, 0); n != 1 {
		t.Fatalf("%d events are stored", n)
	}
	m.claim.Head = store.Head{Offset: 0, Epoch: 1}
	m.mustAppend("accounts-a", 1, "")
}

// TestCertain are failures that say for certain that nothing was stored: the
// writer goes on, and without a new generation if its session does.
func TestCertain(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	m := newTestMember(t, s, "a", 0, time.Hour)
	admin := raw(t, s)
	for name, code := range map[string]struct {
		state string
		kind  Kind
	}{
		"disk full": {"53100", DiskFull}, "no right": {"42501", MissingRight}, "out of memory": {"53200", Other},
	} {
		run(t, admin, fmt.Sprintf(`CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '%s'; END $$`, code.state))
		run(t, admin, `CREATE TRIGGER fail BEFORE INSERT ON events EXECUTE FUNCTION fail()`)
		err := m.append("accounts-a", 0, "")
		var e *Error
		if !errors.As(err, &e) || e.Kind != code.kind || errors.As(err, new(*store.UnknownOutcomeError)) {
			t.Errorf("%s: the append ends with %v", name, err)
		}
		run(t, admin, `DROP TRIGGER fail ON events`)
	}
	_ = m.w.(*writer).session.wire.Close() // it is found out before anything is sent
	if err := m.append("accounts-a", 0, ""); err == nil || errors.As(err, new(*store.UnknownOutcomeError)) {
		t.Errorf("an append on a connection that is closed ends with %v", err)
	}
	m.raise(2)
	m.mustAppend("accounts-a", 0, "")
}

// TestUniqueViolations has rows come in the way between the checks of an append
// and its insert, as no writer can: the refusal names them by looking.
func TestUniqueViolations(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	m := newTestMember(t, s, "a", 0, time.Hour)
	admin, watch := raw(t, s), raw(t, s)
	run(t, admin, `CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF current_setting('application_name') = 'ringhold writer' THEN PERFORM pg_advisory_lock_shared(4711); END IF; RETURN NULL; END $$`)
	run(t, admin, `CREATE TRIGGER pause BEFORE INSERT ON events EXECUTE FUNCTION pause()`)
	gen := m.gen
	for name, c := range map[string]struct {
		slot, offset int
		stream       string
		version      int
		message      string
		check        func(error) bool
	}{
		"offset": {0, 0, "accounts-x", 0, "NULL", func(err error) bool {
			e := new(store.StaleSlotError)
			return errors.As(err, &e) && len(e.Slots) == 1 && e.Slots[0] == 0
		}},
		"version": {7, 0, "accounts-a", 0, "NULL", func(err error) bool {
			e := new(store.VersionConflictError)
			return errors.As(err, &e) && *e == store.VersionConflictError{Stream: "accounts-a", Expected: -1, Current: 0}
		}},
		"message": {7, 0, "accounts-a", 5, "'m'", func(err error) bool {
			e := new(store.DuplicateMessageError)
			return errors.As(err, &e) && *e == store.DuplicateMessageError{Stream: "accounts-a", MessageID: "m"}
		}},
	} {
		a := m.one("accounts-b", 0, "") // which has nothing to do with it
		a.Events[0].MessageID, a.Events[0].Command = "n", &store.Command{}
		second := a.Events[0]
		second.Stream, second.Offset, second.MessageID = "accounts-a", second.Offset+1, "m"
		a.Events = append(a.Events, second)
		run(t, admin, `SELECT pg_advisory_lock(4711)`)
		ended := make(chan error, 1)
		go func() { ended <- m.w.Append(context.WithoutCancel(t.Context()), a) }()
		eventually(t, watch, "the append waits", `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 4711)`)
		run(t, admin, fmt.Sprintf(`INSERT INTO events (service_group, slot, slot_offset, epoch, stream, version, type, schema_version, encoding, message_id, recorded_at)
			VALUES ('%s', %d, %d, 1, '%s', %d, 'happened', 1, 0, %s, now())`, testGroup, c.slot, c.offset, c.stream, c.version, c.message))
		run(t, admin, `SELECT pg_advisory_unlock(4711)`)
		if err := <-ended; !c.check(err) {
			t.Errorf("%s: the append ends with %v", name, err)
		}
		run(t, admin, `DELETE FROM events`)
		m.w.(*writer).session.kill() // and its lock
		gen++
		m.raise(gen)
	}
}
