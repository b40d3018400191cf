package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/postgres"
)

// renewing is a group whose renewals and list of members are looked at. Nothing
// vacuums its tables.
type renewing struct {
	t     *testing.T
	log   *planLog
	store *postgres.Store
}

func newRenewing(t *testing.T) *renewing {
	t.Helper()
	server := pgtest.Start(t, pgtest.Options{Settings: loggingPlans})
	url := server.URL(t)
	s, err := postgres.Open(t.Context(), postgres.Config{URL: url, Group: plansGroup, Migrate: true, ReadConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	r := &renewing{t: t, log: newPlanLog(t, server), store: s}
	r.log.exec(`SET search_path = ` + pgx.Identifier{config.RuntimeParams["search_path"]}.Sanitize())
	for _, name := range []string{"seqscan", "bitmapscan", "hashjoin", "mergejoin"} { // as in the store's sessions
		r.log.exec(`SET enable_` + name + ` = off`)
	}
	r.log.exec(`SET plan_cache_mode = force_generic_plan; SET jit = off`)
	return r
}

// joined joins a member through the store.
func (r *renewing) joined(id store.MemberID) {
	r.t.Helper()
	if _, err := r.store.Join(r.t.Context(), store.Member{ID: id, Writers: 1}, time.Hour); err != nil {
		r.t.Fatal(err)
	}
}

// owned gives a member slots.
func (r *renewing) owned(id store.MemberID, slots []ring.Slot) {
	r.t.Helper()
	w, err := r.store.Writer(r.t.Context(), id, 0)
	if err == nil {
		err = w.Raise(r.t.Context(), 1)
	}
	var claims []store.Claim
	if err == nil {
		claims, err = w.Acquire(r.t.Context(), slots)
	}
	if err != nil || len(claims) != len(slots) {
		r.t.Fatalf("acquired %d slots, %v", len(claims), err)
	}
}

// all renews the leases of members m1 to mN on the server itself, each in a
// transaction of its own.
func (r *renewing) all(members, rounds int) {
	r.t.Helper()
	r.log.exec(fmt.Sprintf(`DO $$ BEGIN FOR k IN 1..%d LOOP FOR i IN 1..%d LOOP PERFORM renew_v1('%s', 'm' || i, 3600000000, false); COMMIT; END LOOP; END LOOP; END $$`,
		rounds, members, plansGroup))
}

// renewal renews a lease, and returns what the statements read and the blocks that they touch.
func (r *renewing) renewal(id store.MemberID, slots int) (reads []string, blocks int) {
	r.t.Helper()
	r.log.next()
	renewed, err := r.store.Renew(r.t.Context(), id, time.Hour, false)
	if err != nil || renewed.Slots != slots {
		r.t.Fatalf("the renewal of %s, which has %d slots, is answered with %+v, %v", id, slots, renewed, err)
	}
	plans := r.log.next()
	return used(plans), outermost(plans, "renew_v1")
}

// members reads the members, and returns the blocks that this touches.
func (r *renewing) members(want int) int {
	r.t.Helper()
	r.log.next()
	if members, err := r.store.Members(r.t.Context()); err != nil || len(members) != want {
		r.t.Fatalf("there are %d members, %v, want %d", len(members), err, want)
	}
	plans := r.log.next()
	return outermost(plans, "FROM members")
}

// outermost gives the blocks of the statement that has the others in it.
func outermost(plans []plan, text string) (blocks int) {
	for i := range plans {
		if strings.Contains(plans[i].statement, text) {
			blocks = max(blocks, plans[i].Hit+plans[i].Read)
		}
	}
	return blocks
}

// TestRenewalCost: a renewal costs the same whether its member owns one slot or
// 16,384, among 1,000 members, and leaves nothing behind that is to be vacuumed but
// where a lease moves to its next row.
func TestRenewalCost(t *testing.T) {
	r := newRenewing(t)
	const members = 1000
	r.log.exec(fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP PERFORM join_v1('%s', 'm' || i, '', '', 1, 3600000000); COMMIT; END LOOP; END $$`, members, plansGroup))
	r.joined("small")
	r.joined("large")
	every := make([]ring.Slot, 16384)
	for i := range every {
		every[i] = ring.Slot(i)
	}
	r.owned("small", every[:1])
	r.owned("large", every[1:])
	blocks := map[store.MemberID]int{}
	for id, slots := range map[store.MemberID]int{"small": 1, "large": len(every) - 1} {
		reads, counting := r.renewal(id, slots)
		if !slices.Contains(reads, slotOwner) {
			t.Errorf("the renewal of %s behind its acquisition reads %q", id, reads)
		}
		reads, blocks[id] = r.renewal(id, slots)
		if slices.ContainsFunc(reads, func(name string) bool { return strings.HasPrefix(name, "slots") }) {
			t.Errorf("a renewal of %s reads %q", id, reads)
		}
		t.Logf("%s: %d blocks with the slots counted, %d without", id, counting, blocks[id])
	}
	if small, large := blocks["small"], blocks["large"]; large > small+3 || small > 60 {
		t.Errorf("a renewal touches %d blocks with one slot and %d with all", small, large)
	}

	size := func() (kib int) {
		t.Helper()
		if err := r.log.conn.QueryRow(t.Context(), `SELECT (pg_relation_size('leases') + pg_relation_size('leases_pkey')) / 1024`).Scan(&kib); err != nil {
			t.Fatal(err)
		}
		return kib
	}
	r.all(10, 1)
	before := size()
	r.all(10, 100)
	after := size()
	t.Logf("leases of %d members: %d KiB, %d KiB after 1,000 renewals", members, before, after)
	if after > before+32 {
		t.Errorf("1,000 renewals grow the leases from %d to %d KiB: they are not pruned within their pages", before, after)
	}
}

// TestOldSnapshot: while a transaction is open that may still want to see what was,
// as that of a dump is, neither renewals nor the list of members take longer and longer (H8).
func TestOldSnapshot(t *testing.T) {
	r := newRenewing(t)
	const members = 20
	for i := range members {
		r.joined(store.MemberID(fmt.Sprint("m", i+1)))
	}
	conn, err := pgx.ConnectConfig(t.Context(), r.log.conn.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	if _, err := conn.Exec(t.Context(), `BEGIN ISOLATION LEVEL REPEATABLE READ`); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_class`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	look := func() (renewal, list int) {
		t.Helper()
		for range 33 { // a lease may be anywhere in its row
			r.all(members, 1)
			_, blocks := r.renewal("m1", 0)
			renewal, list = max(renewal, blocks), max(list, r.members(members))
		}
		return renewal, list
	}
	look() // reads the server's catalogue too
	renewal, list := look()
	r.all(members, 600)
	renewalLater, listLater := look()
	t.Logf("with an old snapshot a renewal touches up to %d blocks after some 50 renewals each and %d after 700; the list of %d members %d and %d",
		renewal, renewalLater, members, list, listLater)
	if renewalLater > renewal+renewal/4+4 || listLater > list+list/4+20 {
		t.Error("they go on to touch more")
	}
}
