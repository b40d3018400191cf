package storetest

import (
	"fmt"
	"sync"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

func (t *test) ring() {
	st := t.open()
	if r := must(st.LoadRing(t.Context()))(t, "load"); r.Version != 0 || len(r.Body) != 0 {
		t.Errorf("the ring before the first one is %+v", r)
	}
	save := func(after, v ring.Number) bool {
		return must(st.SaveRing(t.Context(), store.Ring{Version: v, Body: []byte("other")}, after))(t, "save")
	}
	if save(1, 2) || save(0, 0) {
		t.Error("a ring was stored behind one that is not there, or is not below it")
	}
	for v := range ring.Number(5) {
		won := make(chan string, 4)
		var all sync.WaitGroup
		for i := range cap(won) {
			all.Go(func() {
				body := fmt.Sprintf("ring %d of %d\x00", v, i)
				if ok, err := st.SaveRing(t.Context(), store.Ring{Version: v + 1, Body: []byte(body)}, v); err != nil {
					t.Errorf("save: %v", err)
				} else if ok {
					won <- body
				}
			})
		}
		all.Wait()
		if len(won) != 1 {
			t.Fatalf("%d of %d members stored ring %d", len(won), cap(won), v+1)
		}
		if r := must(st.LoadRing(t.Context()))(t, "load"); r.Version != v+1 || string(r.Body) != <-won {
			t.Fatalf("the ring that was loaded is %+v", r)
		}
	}
	if save(4, 5) || save(0, 1) || save(0, 9) || save(4, 6) || save(6, 7) || save(5, 5) || save(5, 4) {
		t.Error("a ring was stored behind another one than the newest, or that is not newer")
	}
	r := must(st.Join(t.Context(), store.Member{ID: "a", Writers: 1}, longLease))(t, "join")
	if r.RingVersion != 5 {
		t.Errorf("a renewal names ring %d, want 5", r.RingVersion)
	}
}

// ringGaps lets several store rings of different versions behind the same one, from
// the first ring on: one of them is stored.
func (t *test) ringGaps() {
	st := t.open()
	newest := ring.Number(0)
	for round := range 25 {
		stored := make(chan ring.Number, 4)
		var all sync.WaitGroup
		for i := range cap(stored) {
			v := newest + 1 + ring.Number((i+round)%cap(stored))
			all.Go(func() {
				if ok, err := st.SaveRing(t.Context(), store.Ring{Version: v, Body: fmt.Append(nil, v)}, newest); err != nil {
					t.Errorf("save: %v", err)
				} else if ok {
					stored <- v
				}
			})
		}
		all.Wait()
		if len(stored) != 1 {
			t.Fatalf("behind ring %d, %d rings were stored", newest, len(stored))
		}
		newest = <-stored
		if r := must(st.LoadRing(t.Context()))(t, "load"); r.Version != newest || string(r.Body) != fmt.Sprint(newest) {
			t.Fatalf("the ring that was loaded is %+v, want %d", r, newest)
		}
	}
	if r := must(st.Join(t.Context(), store.Member{ID: "a", Writers: 1}, longLease))(t, "join"); r.RingVersion != newest {
		t.Errorf("a renewal names ring %d, want %d", r.RingVersion, newest)
	}
}
