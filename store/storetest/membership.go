package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// membership sees what moves the version of the members, and what does not.
func (t *test) membership() {
	st := t.open()
	in := incarnation(t, st)
	a := joined(t, st, "a", longLease)
	asked := func() store.MembershipVersion {
		t.Helper()
		return must(st.Renew(t.Context(), a.id, longLease, false))(t, "renew").Membership
	}
	last := asked()
	moves := func(what string, do func()) {
		t.Helper()
		do()
		now := asked()
		if now <= last {
			t.Errorf("%s: the version of the members goes from %d to %d", what, last, now)
		}
		last = now
	}
	stays := func(what string, do func()) {
		t.Helper()
		do()
		if now := asked(); now != last {
			t.Errorf("%s: the version of the members goes from %d to %d", what, last, now)
		}
	}
	renew := func(id store.MemberID, leaving bool) store.Renewal {
		t.Helper()
		return must(st.Renew(t.Context(), id, 0, leaving))(t, "renew")
	}
	depose := func(want bool) {
		t.Helper()
		if must(st.Depose(t.Context(), store.Depose{Member: "b", Estimate: future(), Incarnation: in}))(t, "depose") != want {
			t.Fatalf("deposed is not %t", want)
		}
	}
	moves("join", func() {
		r := must(st.Join(t.Context(), store.Member{ID: "b", Writers: 1}, 0))(t, "join")
		if got := asked(); r.Membership != got {
			t.Errorf("joining is answered with version %d of the members, a renewal behind it with %d", r.Membership, got)
		}
		if r.Membership < store.MembershipVersion(r.Now.UnixMicro()) {
			t.Errorf("version %d of the members is less than the time, %d", r.Membership, r.Now.UnixMicro())
		}
	})
	stays("a join that is refused", func() {
		if _, err := st.Join(t.Context(), store.Member{ID: "b", Writers: 1}, longLease); !errors.Is(err, store.ErrMemberExists) {
			t.Errorf("joining with a used id: %v", err)
		}
	})
	stays("a renewal", func() { renew("b", false) })
	moves("leaving", func() {
		if r := renew("b", true); r.Membership != asked() {
			t.Errorf("who leaves is answered with version %d of the members", r.Membership)
		}
	})
	stays("leaving still", func() { renew("b", true); renew("b", false) })
	stays("slots, rings, reaping", func() {
		a.acquire(1)
		if err := a.w.Release(t.Context(), a.all()); err != nil {
			t.Fatal(err)
		}
		must(st.SaveRing(t.Context(), store.Ring{Version: 1}, 0))(t, "save")
		must(st.Reap(t.Context(), 0))(t, "reap")
	})
	stays("a deposing that fails", func() {
		must(st.Renew(t.Context(), "b", longLease, false))(t, "renew")
		depose(false)
	})
	moves("deposed", func() {
		renew("b", false)
		for !must(st.Depose(t.Context(), store.Depose{Member: "b", Estimate: future(), Incarnation: in}))(t, "depose") {
		}
	})
	stays("deposed already", func() { depose(true) })
}

// membershipOrder lets members come, leave and go while somebody looks: who has
// been told of a version finds in the rows whatever moved it so far, and no two
// changes have the same one.
func (t *test) membershipOrder() {
	st := t.open()
	joined(t, st, "watcher", longLease)
	type change struct {
		id      store.MemberID
		leaving bool
	}
	var mu sync.Mutex
	changes := map[store.MembershipVersion]change{}
	changed := func(r store.Renewal, c change) {
		mu.Lock()
		defer mu.Unlock()
		if other, ok := changes[r.Membership]; ok {
			t.Errorf("%+v and %+v have version %d", other, c, r.Membership)
		}
		changes[r.Membership] = c
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 12 {
				id := store.MemberID(fmt.Sprintf("member-%d-%d", i, n))
				r, err := st.Join(t.Context(), store.Member{ID: id, Writers: 1}, longLease)
				if err != nil {
					t.Errorf("join: %v", err)
					return
				}
				changed(r, change{id, false})
				if r, err = st.Renew(t.Context(), id, longLease, true); err != nil {
					t.Errorf("leave: %v", err)
					return
				}
				changed(r, change{id, true})
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	type look struct {
		version store.MembershipVersion
		leaving map[store.MemberID]bool
	}
	var looks []look
	for last := false; !last; {
		select {
		case <-ended:
			last = true
		default:
		}
		l := look{version: must(st.Renew(t.Context(), "watcher", longLease, false))(t, "renew").Membership, leaving: map[store.MemberID]bool{}}
		for _, m := range must(st.Members(t.Context()))(t, "members") {
			l.leaving[m.ID] = m.Leaving
		}
		looks = append(looks, l)
	}
	for _, l := range looks {
		for version, c := range changes {
			if leaving, there := l.leaving[c.id]; version <= l.version && (!there || c.leaving && !leaving) {
				t.Fatalf("at version %d of the members, %+v of version %d is not among them", l.version, c, version)
			}
		}
	}
	t.Logf("looked %d times at %d changes", len(looks), len(changes))
}

// reap removes who can do nothing any more, and nobody else.
func (t *test) reap() {
	st := t.open()
	in := incarnation(t, st)
	heir := joined(t, st, "heir", 0) // its lease is over, but it is not deposed
	owns, idle, lost := joined(t, st, "owns", 0), joined(t, st, "idle", 0), joined(t, st, "lost", 0)
	owns.acquire(1, 2)
	lost.acquire(3)
	lost.batch().send()
	for _, id := range []store.MemberID{owns.id, idle.id, lost.id} {
		killed(t, st, id)
	}
	heir.acquire(3)
	reaped := func(want int, left ...store.MemberID) {
		t.Helper()
		if n := must(st.Reap(t.Context(), 0))(t, "reap"); n != want {
			t.Errorf("%d members were reaped, want %d", n, want)
		}
		t.hasMembers(st, left...)
	}
	if n := must(st.Reap(t.Context(), longLease))(t, "reap"); n != 0 {
		t.Errorf("%d members were reaped whose leases ended less than an hour ago", n)
	}
	reaped(2, heir.id, owns.id)
	reaped(0, heir.id, owns.id)
	before := rows(t, st)
	for _, m := range []*member{idle, lost} {
		if !must(st.Depose(t.Context(), store.Depose{Member: m.id, Estimate: future(), Incarnation: in}))(t, "depose") {
			t.Errorf("%s, which was reaped, is said to live", m.id)
		}
		_, err := st.Renew(t.Context(), m.id, longLease, false)
		is[*store.FencedError](t, err)
		_, err = m.w.Acquire(t.Context(), []ring.Slot{4}) // late (H20)
		is[*store.FencedError](t, err)
		is[*store.FencedError](t, m.w.Release(t.Context(), m.all()))
		is[*store.FencedError](t, m.batch().add("accounts-a", 0).refused())
		is[*store.FencedError](t, m.batch().refused())
		is[*store.FencedError](t, m.w.Raise(t.Context(), m.gen+1))
		w, err := st.Writer(t.Context(), m.id, 0)
		if err == nil {
			err = w.Raise(t.Context(), m.gen+2)
		}
		is[*store.FencedError](t, err)
	}
	if got := rows(t, st); got != before || len(logs(t, st)) != 0 {
		t.Errorf("members that were reaped changed slots from %s to %s, or wrote %d events", before, got, len(logs(t, st)))
	}
	heir.acquire(1, 2, slotOf("accounts-a"))
	reaped(1, heir.id)
	heir.batch().add("accounts-a", 0).send()
	joined(t, st, idle.id, longLease) // nobody knows of its first life
	reaped(0, heir.id, idle.id)
}

// hasMembers looks which rows there are; those who ask for the incarnation are not
// counted.
func (t *test) hasMembers(st store.Store, want ...store.MemberID) {
	t.Helper()
	var got []store.MemberID
	for _, m := range must(st.Members(t.Context()))(t, "members") {
		if !strings.HasPrefix(string(m.ID), "asks-") {
			got = append(got, m.ID)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the members are %q, want %q", got, want)
	}
}

// reapRace reaps while members acquire slots and are deposed: nobody is reaped who
// owns one, and who was reaped never comes to own one.
func (t *test) reapRace() {
	st := t.open()
	heir := joined(t, st, "heir", longLease)
	acquired := 0
	for round := range 12 {
		m := joined(t, st, store.MemberID(fmt.Sprint("member-", round)), 0)
		reaping, acquiring, begun := make(chan struct{}), make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			for {
				if _, err := st.Reap(t.Context(), 0); err != nil {
					t.Errorf("reap: %v", err)
				}
				select {
				case <-reaping:
					return
				default:
				}
			}
		})
		begin := sync.OnceFunc(func() { close(begun) })
		var refused error
		go func() {
			defer close(acquiring)
			defer begin()
			for refused == nil {
				var claims []store.Claim
				claims, refused = m.w.Acquire(t.Context(), []ring.Slot{1, 2, 3, 4})
				if acquired += len(claims); claims != nil {
					begin()
				}
			}
		}()
		<-begun
		killed(t, st, m.id)
		<-acquiring
		is[*store.FencedError](t, refused)
		if strings.Contains(rows(t, st), "="+string(m.id)+"@") {
			t.hasMembers(st, heir.id, m.id)
		}
		heir.acquire(1, 2, 3, 4)
		close(reaping)
		all.Wait()
		must(st.Reap(t.Context(), 0))(t, "reap")
		t.hasMembers(st, heir.id)
		if got := rows(t, st); strings.Count(got, "=heir@") != 4 {
			t.Fatalf("round %d: the slots are %s", round, got)
		}
		if err := heir.w.Release(t.Context(), heir.all()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d slots were acquired meanwhile", acquired)
}
