package sqlite

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// hold keeps the committer busy, so that what is asked for meanwhile becomes
// one batch; let ends that.
func hold(t *testing.T, s *Store) (let func()) {
	t.Helper()
	held, free := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- s.committer.do(t.Context(), func(*tx) error {
			close(held)
			<-free
			return nil
		})
	}()
	<-held
	return func() {
		t.Helper()
		close(free)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}

// queued starts a call and returns once it waits for the committer.
func queued(s *Store, call func() error) <-chan error {
	s.committer.mu.Lock()
	before := len(s.committer.pending)
	s.committer.mu.Unlock()
	ended := make(chan error, 1)
	go func() { ended <- call() }()
	for {
		s.committer.mu.Lock()
		now := len(s.committer.pending)
		s.committer.mu.Unlock()
		if now > before {
			return ended
		}
	}
}

// TestSharedTransaction has one batch of appends, two of them refused: one after
// some of its rows went in.
func TestSharedTransaction(t *testing.T) {
	s := openTest(t, testConfig(t))
	var members []*testMember
	for i, id := range []store.MemberID{"a", "b", "c", "d", "e"} {
		members = append(members, newTestMember(t, s, id, ring.Slot(i)))
	}
	before := s.committer.commits
	let := hold(t, s)
	var ended []<-chan error
	for i, m := range members {
		m.claim.Head.Offset += store.Offset(i % 2) // b and d claim what is not there
		ended = append(ended, queued(s, func() error { return m.append(t.Context(), message.Stream("accounts-"+string(m.id)), 0, 3, "{}") }))
	}
	ended = append(ended, queued(s, func() error {
		return s.committer.do(t.Context(), func(t *tx) error {
			if _, err := t.exec(`INSERT INTO rings VALUES ('g', 1, NULL)`); err != nil {
				return err
			}
			_, err := t.exec(`INSERT INTO rings VALUES ('g', 1, NULL)`)
			return err
		})
	}))
	let()
	for i, e := range ended {
		if err := <-e; (err == nil) != (i%2 == 0) {
			t.Errorf("request %d: %v", i, err)
		}
	}
	for i := range members {
		if n := count(t, s, ring.Slot(i)); n != 3*(1-i%2) {
			t.Errorf("slot %d holds %d events", i, n)
		}
	}
	if got := s.committer.commits - before; got != 2 { // hold's and the batch's
		t.Errorf("there were %d commits, want one for the whole batch", got-1)
	}
	var rings int
	if err := s.reads.QueryRow(`SELECT count(*) FROM rings`).Scan(&rings); err != nil || rings != 0 {
		t.Errorf("the refused request left %d rows, %v", rings, err)
	}
}

// TestCommitFails makes COMMIT fail in each of the ways that it can, for two
// appends that share it.
func TestCommitFails(t *testing.T) {
	broken := errors.New("the disk is on fire")
	really := func(w *session) error { _, err := w.exec(`COMMIT`); return err }
	for _, c := range []struct {
		name   string
		faults []func(*session) error // of the next commits; then they work
		ok     bool                   // the appends are acknowledged
		stored int
		unsure bool
	}{
		{"before it was stored", []func(*session) error{func(*session) error { return broken }}, false, 0, false},
		{"after it was stored", []func(*session) error{func(w *session) error { return errors.Join(really(w), broken) }}, true, 1, false},
		{"and again", []func(*session) error{func(*session) error { return broken }, func(*session) error { return broken }}, false, 0, true},
		{"after it was stored, and again", []func(*session) error{func(w *session) error { return errors.Join(really(w), broken) }, func(*session) error { return broken }}, false, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openTest(t, testConfig(t))
			a, b := newTestMember(t, s, "a", 0), newTestMember(t, s, "b", 1)
			let := hold(t, s)
			first := queued(s, func() error { return a.append(t.Context(), "accounts-a", 0, 1, "{}") })
			second := queued(s, func() error { return b.append(t.Context(), "accounts-b", 0, 1, "{}") })
			commits := 0
			s.committer.commit = func(w *session) error { // read by the goroutine only after let
				commits++
				if i := commits - 2; i >= 0 && i < len(c.faults) { // the first one is hold's
					return c.faults[i](w)
				}
				return really(w)
			}
			let()
			for _, err := range []error{<-first, <-second} {
				var unknown *store.UnknownOutcomeError
				if (err == nil) != c.ok || errors.As(err, &unknown) != c.unsure || err != nil && !errors.Is(err, broken) {
					t.Errorf("the append answers %v", err)
				}
			}
			if n := count(t, s, 0) + count(t, s, 1); n != 2*c.stored {
				t.Errorf("%d events are stored, want %d", n, 2*c.stored)
			}
			if err := a.w.Raise(t.Context(), 2); err != nil { // and it goes on
				t.Errorf("raise: %v", err)
			}
		})
	}
}

func TestFullDisk(t *testing.T) {
	s := openTest(t, testConfig(t))
	m := newTestMember(t, s, "a", 0)
	m.mustAppend("accounts-a", 0, 1, "{}")
	limit := func(pages int) {
		if err := s.committer.do(t.Context(), func(tx *tx) error {
			var n int
			return tx.one([]any{&n}, map[bool]string{true: `PRAGMA max_page_count = 1`, false: `PRAGMA max_page_count = 1000000`}[pages == 1])
		}); err != nil {
			t.Fatal(err)
		}
	}
	limit(1)
	err := m.append(t.Context(), "accounts-a", 1, 3, strings.Repeat("x", 1<<20))
	var unknown *store.UnknownOutcomeError
	if err == nil || errors.As(err, &unknown) || !strings.Contains(err.Error(), "make room") || !strings.Contains(err.Error(), s.path) {
		t.Errorf("with a full disk, an append answers %v", err)
	}
	limit(1_000_000)
	m.mustAppend("accounts-a", 1, 3, strings.Repeat("x", 1<<20))
	if n := count(t, s, 0); n != 4 {
		t.Errorf("%d events are stored, want 4", n)
	}
}

// TestWithdrawn ends contexts of requests that wait and of one that has begun.
func TestWithdrawn(t *testing.T) {
	s := openTest(t, testConfig(t))
	m := newTestMember(t, s, "a", 0)
	ctx, cancel := context.WithCancel(t.Context())
	let := hold(t, s)
	waits := queued(s, func() error { return m.append(ctx, "accounts-a", 0, 1, "{}") })
	cancel()
	if err := <-waits; err != context.Canceled { //nolint:errorlint // and nothing else
		t.Errorf("a request that was withdrawn answers %v", err)
	}
	let()

	ctx, cancel = context.WithCancel(t.Context())
	begun, free := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- s.committer.do(ctx, func(*tx) error { close(begun); <-free; return nil })
	}()
	<-begun
	cancel()
	err := <-ended
	var unknown *store.UnknownOutcomeError
	if !errors.As(err, &unknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("a request that has begun answers %v", err)
	}
	close(free)
	if n := count(t, s, 0); n != 0 {
		t.Errorf("what was withdrawn stored %d events", n)
	}
	m.mustAppend("accounts-a", 0, 1, "{}")
}

// TestCloseWaits closes the store while requests wait.
func TestCloseWaits(t *testing.T) {
	c := testConfig(t)
	s := openTest(t, c)
	m := newTestMember(t, s, "a", 0)
	let := hold(t, s)
	waits := queued(s, func() error { return m.append(t.Context(), "accounts-a", 0, 1, "{}") })
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	let()
	// Either it was in time, and is stored, or it was refused.
	werr, cerr := <-waits, <-closed
	if cerr != nil || werr != nil {
		t.Fatalf("append: %v, close: %v", werr, cerr)
	}
	if n := count(t, openTest(t, c), 0); n != 1 {
		t.Errorf("%d events are stored, want the one that waited", n)
	}
}

func TestPragmas(t *testing.T) {
	s := openTest(t, testConfig(t))
	err := s.committer.do(t.Context(), func(tx *tx) error {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "secure_delete": "1",
			"busy_timeout": "5000", "fullfsync": "1", "checkpoint_fullfsync": "1"} {
			var got string
			if err := tx.one([]any{&got}, `PRAGMA `+pragma); err != nil {
				return err
			}
			if got != want {
				t.Errorf("%s is %s, want %s", pragma, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.reads.Exec(`DELETE FROM events`); err == nil {
		t.Error("a connection for reads can write")
	}
}
