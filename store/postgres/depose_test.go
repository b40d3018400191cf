package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/store"
)

// TestDeposeBehindRenewal has a renewal be on its way while its member is
// deposed: the lease is judged behind the wait (H1). The other way round the
// renewal is refused.
func TestDeposeBehindRenewal(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	newTestMember(t, s, "a", 0, 0)
	in := incarnation(t, s)
	first, second, watch := raw(t, s), raw(t, s), raw(t, s)
	waits := func(what string) {
		eventually(t, watch, what+" waits", `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%`+what+`%' AND pid <> pg_backend_pid())`)
	}
	depose := fmt.Sprintf(`SELECT depose_v1('%s', 'a', 0, now() + interval '1 hour', '%s')`, testGroup, in)

	run(t, first, `BEGIN; SELECT renew_v1('`+testGroup+`', 'a', 3600000000, false)`)
	deposed := make(chan string, 1)
	go func() {
		results, err := second.Exec(context.WithoutCancel(t.Context()), depose).ReadAll()
		if err != nil {
			deposed <- err.Error()
			return
		}
		deposed <- string(results[0].Rows[0][0])
	}()
	waits("depose_v1")
	run(t, first, `COMMIT`)
	if got := <-deposed; got != "f" {
		t.Errorf("deposing a member that has renewed meanwhile ends with %s", got)
	}

	run(t, first, `UPDATE leases SET lease_until = now() - interval '1 hour' WHERE member = 'a'`)
	if got := string(run(t, first, `BEGIN; `+depose)[0][0]); got != "t" {
		t.Fatalf("deposing ends with %s", got)
	}
	renewed := make(chan error, 1)
	go func() {
		_, err := s.Renew(context.WithoutCancel(t.Context()), "a", time.Hour, false)
		renewed <- err
	}()
	waits("renew_v1")
	run(t, first, `COMMIT`)
	if err := <-renewed; !errors.As(err, new(*store.FencedError)) {
		t.Errorf("a renewal behind the deposition ends with %v", err)
	}
}

// TestRenewWhileDeposing: a deposition that has to wait holds up no renewal (H4).
func TestRenewWhileDeposing(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	newTestMember(t, s, "a", 0, 0)
	newTestMember(t, s, "b", 1, time.Hour)
	in := incarnation(t, s)
	holds, watch := raw(t, s), raw(t, s)
	run(t, holds, `BEGIN; LOCK TABLE fences IN SHARE MODE`)
	deposed := make(chan error, 1)
	go func() {
		ok, err := s.Depose(context.WithoutCancel(t.Context()), store.Depose{Member: "a", Estimate: time.Now().Add(time.Hour), Incarnation: in})
		if err == nil && !ok {
			err = errors.New("it is not deposed")
		}
		deposed <- err
	}()
	eventually(t, watch, "the deposer waits", `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'ringhold deposer')`)
	ctx, cancel := context.WithTimeout(t.Context(), soon/3)
	defer cancel()
	for range 3 {
		if _, err := s.Renew(ctx, "b", time.Hour, false); err != nil {
			t.Fatalf("a renewal while another member is deposed: %v", err)
		}
	}
	run(t, holds, `COMMIT`)
	if err := <-deposed; err != nil {
		t.Error(err)
	}
}

// TestLeaseTooFar: a lease that ends later than any that was given, since a clock
// was set back, counts from now on.
func TestLeaseTooFar(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	newTestMember(t, s, "a", 0, 200*time.Millisecond)
	admin := raw(t, s)
	run(t, admin, `UPDATE leases SET lease_until = now() + interval '1 day' WHERE member = 'a'`)
	in := incarnation(t, s)
	depose := func() bool {
		t.Helper()
		ok, err := s.Depose(t.Context(), store.Depose{Member: "a", Estimate: time.Now().Add(time.Hour), Incarnation: in})
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if depose() {
		t.Fatal("a member was deposed whose lease had a day to go")
	}
	eventually(t, admin, "the lease ends", `SELECT lease_until < clock_timestamp() FROM leases WHERE member = 'a'`)
	if !depose() {
		t.Error("it is not deposed")
	}
}
