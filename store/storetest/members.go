package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ringhold/ringhold/store"
)

// future is an estimate that never holds a deposing back.
func future() time.Time { return time.Now().Add(24 * time.Hour) }

// incarnation is the store's, as a member's renewal tells it.
func incarnation(t tb, st store.Store) string {
	t.Helper()
	id := store.MemberID(fmt.Sprintf("asks-%d", time.Now().UnixNano()))
	return must(st.Join(t.Context(), store.Member{ID: id, Writers: 1}, longLease))(t, "join").Incarnation
}

// killed deposes a member as soon as its lease is over.
func killed(t tb, st store.Store, id store.MemberID) {
	t.Helper()
	in := incarnation(t, st)
	for {
		deposed := must(st.Depose(t.Context(), store.Depose{Member: id, Estimate: future(), Incarnation: in}))(t, "depose "+string(id))
		if deposed {
			return
		}
	}
}

func (t *test) join() {
	st := t.open()
	want := store.Member{ID: "a", PodUID: "uid-1", Address: "10.0.0.1:7400", Writers: 3}
	r := must(st.Join(t.Context(), want, time.Minute))(t, "join")
	if r.Incarnation == "" || !r.LeaseUntil.Equal(r.Now.Add(time.Minute)) || r.Slots != 0 || r.EpochSum != 0 || r.RingVersion != 0 {
		t.Errorf("joining is answered with %+v", r)
	}
	if _, err := st.Join(t.Context(), store.Member{ID: "a", Writers: 1}, time.Minute); !errors.Is(err, store.ErrMemberExists) {
		t.Errorf("joining with a used id: %v", err)
	}
	must(st.Join(t.Context(), store.Member{ID: "B", Writers: 1, Deposed: true, Leaving: true}, 0))(t, "join") // the store's columns are ignored
	killed(t, st, "B")
	if _, err := st.Join(t.Context(), store.Member{ID: "B", Writers: 1}, time.Minute); !errors.Is(err, store.ErrMemberExists) {
		t.Errorf("joining with a deposed member's id: %v", err)
	}
	for _, m := range []store.Member{{Writers: 1}, {ID: "c"}} {
		if _, err := st.Join(t.Context(), m, time.Minute); err == nil {
			t.Errorf("%+v has joined", m)
		}
	}
	members := must(st.Members(t.Context()))(t, "members")
	if len(members) < 2 || members[0].ID != "B" || !members[0].Deposed || members[0].Leaving || members[1].ID != "a" {
		t.Fatalf("the members are %+v, want B (deposed) and a first", members)
	}
	a := members[1]
	if !a.LeaseUntil.Equal(r.LeaseUntil) || !a.JoinedAt.Equal(r.Now) {
		t.Errorf("joined at %s with a lease until %s: %+v", r.Now, r.LeaseUntil, a)
	}
	a.JoinedAt, a.LeaseUntil = time.Time{}, time.Time{}
	if a != want {
		t.Errorf("the member is %+v, want %+v", a, want)
	}
}

func (t *test) renew() {
	st := t.open()
	a, b := joined(t, st, "a", 0), joined(t, st, "b", longLease)
	a.acquire(1, 2, 3)
	b.acquire(4)
	a.acquire(2)
	r := must(st.Renew(t.Context(), "a", time.Minute, false))(t, "renew")
	if r.Slots != 3 || r.EpochSum != 1+2+1 || !r.LeaseUntil.Equal(r.Now.Add(time.Minute)) {
		t.Errorf("owner of 1, 2 (twice) and 3 is answered with %+v", r)
	}
	if again := must(st.Renew(t.Context(), "a", time.Minute, true))(t, "renew"); again.Incarnation != r.Incarnation || again.Now.Before(r.Now) {
		t.Errorf("renewed with %+v, then with %+v", r, again)
	}
	must(st.Renew(t.Context(), "a", time.Minute, false))(t, "renew") // leaving stays
	for _, m := range must(st.Members(t.Context()))(t, "members") {
		if m.Leaving != (m.ID == "a") {
			t.Errorf("only a is leaving, not %+v", m)
		}
	}
	if err := a.w.Release(t.Context(), a.all()); err != nil {
		t.Fatal(err)
	}
	if r := must(st.Renew(t.Context(), "a", time.Minute, false))(t, "renew"); r.Slots != 0 || r.EpochSum != 0 {
		t.Errorf("owner of nothing is answered with %+v", r)
	}
}

func (t *test) depose() {
	st := t.open()
	in := incarnation(t, st)
	m := joined(t, st, "a", longLease)
	m.acquire(1)
	lives := func(why string, d store.Depose) {
		t.Helper()
		d.Member = "a"
		if must(st.Depose(t.Context(), d))(t, "depose") {
			t.Fatalf("deposed: %s", why)
		}
	}
	joined(t, st, "clock", longLease)
	lives("its lease is good", store.Depose{Estimate: future(), Incarnation: in})
	over := must(st.Renew(t.Context(), "a", 0, false))(t, "renew").LeaseUntil
	for !must(st.Renew(t.Context(), "clock", longLease, false))(t, "time").Now.After(over) {
	}
	lives("patience is not over", store.Depose{Patience: time.Hour, Estimate: future(), Incarnation: in})
	lives("by the sender's own clock the lease is good", store.Depose{Estimate: over, Incarnation: in})
	lives("the incarnation is another one", store.Depose{Estimate: future(), Incarnation: in + "x"})
	lives("the incarnation is another one", store.Depose{Estimate: future()})
	m.batch().send()
	for range 2 { // the second time it is so already
		if !must(st.Depose(t.Context(), store.Depose{Member: "a", Patience: time.Microsecond, Estimate: future(), Incarnation: in}))(t, "depose") {
			t.Fatal("not deposed, although lease and patience are over")
		}
	}
	is[*store.FencedError](t, m.batch().refused())
	// Nobody who has no row can write, so nobody has to be deposed.
	if !must(st.Depose(t.Context(), store.Depose{Member: "nobody", Estimate: future(), Incarnation: in}))(t, "depose") {
		t.Error("a member without a row is said to live")
	}
}

func (t *test) deposeAlone() {
	st := t.open()
	m := joined(t, st, "a", longLease)
	m.acquire(1)
	deposed, err := st.Depose(t.Context(), store.Depose{Member: "a", Alone: true})
	if !t.Exclusive {
		if deposed || err == nil {
			t.Errorf("a store that others may have open accepts Alone: %v, %v", deposed, err)
		}
		m.batch().send()
		return
	}
	if !deposed || err != nil {
		t.Fatalf("alone in the store, the member is not deposed: %v, %v", deposed, err)
	}
	is[*store.FencedError](t, m.batch().refused())
}

// deposeRace lets a renewal and a deposing meet: one of them finds that the
// other was first.
func (t *test) deposeRace() {
	st := t.open()
	in := incarnation(t, st)
	renewals := 0
	for i := range 40 {
		id := store.MemberID(fmt.Sprint("member-", i))
		must(st.Join(t.Context(), store.Member{ID: id, Writers: 1}, 0))(t, "join")
		var renewed, deposed error
		var gone bool
		calls := [2]func(){
			func() { _, renewed = st.Renew(t.Context(), id, longLease, false) },
			func() {
				gone, deposed = st.Depose(t.Context(), store.Depose{Member: id, Estimate: future(), Incarnation: in})
			},
		}
		var both sync.WaitGroup
		both.Go(calls[i%2]) // the one that is started last tends to be first
		both.Go(calls[1-i%2])
		both.Wait()
		if deposed != nil {
			t.Fatalf("depose: %v", deposed)
		}
		if gone {
			is[*store.FencedError](t, renewed)
			continue
		}
		renewals++
		if renewed != nil {
			t.Fatalf("neither deposed nor renewed: %v", renewed)
		}
		if must(st.Depose(t.Context(), store.Depose{Member: id, Estimate: future(), Incarnation: in}))(t, "depose") {
			t.Fatal("deposed right after a renewal")
		}
	}
	t.Logf("%d of 40 renewals came first", renewals)
}
