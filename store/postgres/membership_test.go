package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

func renewed(t *testing.T, s *Store, m store.MemberID) store.Renewal {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon/3)
	defer cancel()
	r, err := s.Renew(ctx, m, time.Hour, false)
	if err != nil {
		t.Fatalf("renew %s: %v", m, err)
	}
	return r
}

// TestMembershipOfCrash: that commits may be lost counts as a change of members, once.
func TestMembershipOfCrash(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	s := openTest(t, Config{URL: server.URL(t)})
	newTestMember(t, s, "a", 0, time.Hour)
	newTestMember(t, s, "b", 1, time.Hour)
	before := renewed(t, s, "a")
	server.Kill()
	server.Restart(t)
	var after store.Renewal
	for until := time.Now().Add(soon); ; {
		var err error
		if after, err = s.Renew(t.Context(), "a", time.Hour, false); err == nil {
			break
		} else if time.Now().After(until) {
			t.Fatal(err)
		}
	}
	if after.Incarnation == before.Incarnation || after.Membership <= before.Membership {
		t.Errorf("renewed with %+v before the crash, with %+v after it", before, after)
	}
	if b, again := renewed(t, s, "b"), renewed(t, s, "a"); b.Membership != after.Membership || again.Membership != after.Membership {
		t.Errorf("the crash moves the version of the members to %d, then to %d, then to %d", after.Membership, b.Membership, again.Membership)
	}
}

// TestMembershipOfLostCommits: a version that a promotion has lost is not given again.
func TestMembershipOfLostCommits(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	newTestMember(t, s, "a", 0, time.Hour)
	before := renewed(t, s, "a").Membership
	newTestMember(t, s, "lost", 1, time.Hour)
	lost := renewed(t, s, "a").Membership
	run(t, raw(t, s), fmt.Sprintf(`DELETE FROM members WHERE member = 'lost'; UPDATE service_groups SET membership = %d`, before))
	newTestMember(t, s, "other", 2, time.Hour)
	if after := renewed(t, s, "a").Membership; after <= lost {
		t.Errorf("the members have version %d, then %d is lost, then they have %d", before, lost, after)
	}
}

// TestRenewalsLeaveGroupAlone: renewals neither write the row of their group nor wait
// for whoever is changing it, under another incarnation either.
func TestRenewalsLeaveGroupAlone(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	newTestMember(t, s, "a", 0, time.Hour)
	admin, holds := raw(t, s), raw(t, s)
	row := func() string {
		t.Helper()
		return fmt.Sprintf("%s", run(t, admin, `SELECT ctid, xmin, xmax, * FROM service_groups`))
	}
	before := row()
	version := renewed(t, s, "a").Membership
	if after := row(); after != before {
		t.Errorf("a renewal changes the row of the group from %s to %s", before, after)
	}
	run(t, holds, `BEGIN; SELECT members_changed_v1('`+testGroup+`', incarnation_v1())`)
	if got := renewed(t, s, "a").Membership; got != version {
		t.Errorf("beside a change that is not committed the members have version %d, not %d", got, version)
	}
	run(t, admin, `UPDATE incarnation SET id = 'another'`)
	if got := renewed(t, s, "a"); got.Incarnation != "another" || got.Membership != version {
		t.Errorf("beside a change that is not committed a renewal under another incarnation is answered with %+v", got)
	}
	run(t, holds, `ROLLBACK`)
	moved := renewed(t, s, "a").Membership
	if moved <= version {
		t.Errorf("under another incarnation the version of the members goes from %d to %d", version, moved)
	}
	if again := renewed(t, s, "a").Membership; again != moved {
		t.Errorf("one other incarnation moves the version of the members to %d and to %d", moved, again)
	}
}

// TestDeposerSparesJoiners: who is committing a change of members, and others who
// wait for that, are not what a deposing terminates; one whose process sends no end is.
func TestDeposerSparesJoiners(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t), WriteTimeout: soon})
	newTestMember(t, s, "a", 0, 0)
	in := incarnation(t, s)
	joins, watch := raw(t, s), raw(t, s)
	run(t, joins, `SET application_name = 'ringhold leases'`)
	depose := func() <-chan error {
		ended := make(chan error, 1)
		go func() {
			ok, err := s.Depose(context.WithoutCancel(t.Context()), store.Depose{Member: "a", Estimate: time.Now().Add(time.Hour), Incarnation: in})
			if err == nil && !ok {
				err = fmt.Errorf("it lives")
			}
			ended <- err
		}()
		return ended
	}
	change := `SELECT members_changed_v1('` + testGroup + `', incarnation_v1()) `
	committed := make(chan error, 1)
	go func() {
		_, err := joins.Exec(context.WithoutCancel(t.Context()), `BEGIN; `+change+`; SELECT pg_sleep(1); COMMIT`).ReadAll()
		committed <- err
	}()
	eventually(t, watch, "the joiner is at it", `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND application_name = 'ringhold leases')`)
	deposing := depose()
	if err := <-committed; err != nil {
		t.Errorf("who changes the members ends with %v", err)
	}
	if err := <-deposing; err != nil {
		t.Errorf("deposing ends with %v", err)
	}

	newTestMember(t, s, "b", 1, 0)
	run(t, joins, `BEGIN; `+change)
	began := time.Now()
	ok, err := s.Depose(t.Context(), store.Depose{Member: "b", Estimate: time.Now().Add(time.Hour), Incarnation: in})
	if took := time.Since(began); err != nil || !ok || took > patience+5*time.Second {
		t.Errorf("behind somebody who never ends, deposing ends with %t, %v after %s", ok, err, took)
	}
}

// TestRingsKept: of the rings before the newest one a few stay, for people; none
// of a group that was discarded.
func TestRingsKept(t *testing.T) {
	s := openTest(t, Config{URL: pgtest.URL(t)})
	newest := ring.Number(0)
	for range 25 {
		if saved, err := s.SaveRing(t.Context(), store.Ring{Version: newest + 2, Body: []byte("{}")}, newest); err != nil || !saved {
			t.Fatalf("behind ring %d: %t, %v", newest, saved, err)
		}
		newest += 2
	}
	admin := raw(t, s)
	const kept = `SELECT count(*), min(version), max(version) FROM rings`
	if got := fmt.Sprintf("%s", run(t, admin, kept)); got != "[[16 20 50]]" {
		t.Errorf("%s rings are kept", got)
	}
	m := newTestMember(t, s, "a", 0, time.Hour)
	if done, err := m.w.(store.Discarder).Discard(t.Context(), store.Discard{Member: "a", Gen: 1, Ring: newest, Limit: 10}); err != nil || !done {
		t.Fatalf("discarding ends with %t, %v", done, err)
	}
	if got := fmt.Sprintf("%s", run(t, admin, kept)); got != "[[1 51 51]]" {
		t.Errorf("of a group that was discarded %s rings are kept", got)
	}
	if r := renewed(t, s, "a"); r.RingVersion != newest+1 {
		t.Errorf("a renewal names ring %d", r.RingVersion)
	}
}
