package runtime

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

func stateBased(d *aggregate.Definition[tally]) { d.StateBased() }

// kinds are the ways in which aggregates are kept.
var kinds = map[string]func(*aggregate.Definition[tally]){"events": nil, "state": stateBased}

func eachKind(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	for name, define := range kinds {
		t.Run(name, func(t *testing.T) { bubble(t, setup{define: define}, f) })
	}
}

// A deleted aggregate is gone, and a new one of its id goes on at the next
// version, whatever it is kept as.
func TestDelete_AndMakeAgain(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig) {
		first := r.message("a", doAdd, 5)
		at(t, r.start(context.Background(), first).wait(), 0)
		for round := range message.Version(3) {
			gone := 2*round + 1
			at(t, r.startDelete("a", false).wait(), gone)
			reading, _ := r.startRead("a")
			is[message.NotFound](t, reading.wait())
			is[message.NotFound](t, r.startDelete("a", false).wait())
			synctest.Wait()
			if n, _ := r.actors(); n != 0 {
				t.Errorf("%d actors are left of an aggregate that is gone", n)
			}
			at(t, r.tell("a", doAdd, 1), gone+1)
			if s, v := r.read("a"); s.N != 1 || v != gone+1 {
				t.Errorf("made again it is %v at version %d", s, v)
			}
			r.unload("a")
			if s, v := r.read("a"); s.N != 1 || v != gone+1 {
				t.Errorf("loaded again it is %v at version %d", s, v)
			}
		}
		at(t, r.again(first.ID, "a", doAdd, 5), 0) // of its first life
	})
}

func TestDelete_OnceByItsID(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig) {
		r.add("a", 1)
		m := r.about("$delete", "a")
		for range 2 {
			p := r.pending(m)
			r.host.Delete(context.Background(), m, false, p.reply)
			at(t, p.wait(), 1)
		}
		r.add("a", 1)
		p := r.pending(m)
		r.host.Delete(context.Background(), m, false, p.reply)
		at(t, p.wait(), 1)
		if s, _ := r.read("a"); s.N != 1 {
			t.Error("a repeated deletion deleted again")
		}
	})
}

func TestDelete_Expected(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig) {
		r.add("a", 1)
		for expected, ok := range map[message.Version]bool{5: false, message.NoVersion: false, 0: true} {
			m := r.about("$delete", "a")
			m.Expected, m.DryRun = &expected, message.Dry
			p := r.pending(m)
			r.host.Delete(context.Background(), m, false, p.reply)
			if got := p.wait(); ok {
				at(t, got, 0)
			} else if w := is[message.WrongExpectedVersion](t, got); w.Current != 0 || w.Expected != expected {
				t.Errorf("answered %#v", w)
			}
		}
		if s, _ := r.read("a"); s.N != 1 {
			t.Error("a dry run deleted")
		}
	})
}

func TestDelete_Erase(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig) {
		first := r.message("a", doAdd, 1)
		r.start(context.Background(), first).wait()
		r.add("a", 2)
		behind := []*pending{r.startDelete("a", true), r.send("a", doLook, 0), r.startDelete("a", true)}
		at(t, behind[0].wait(), 2)
		is[message.StreamErased](t, behind[1].wait())
		is[message.StreamErased](t, behind[2].wait())
		is[message.StreamErased](t, r.again(first.ID, "a", doAdd, 1))
		reading, _ := r.startRead("a")
		is[message.StreamErased](t, reading.wait())
		synctest.Wait()
		for _, ev := range r.events("a") {
			if ev.Data != nil || ev.Command != nil || ev.Metadata != nil {
				t.Errorf("version %d still has %s", ev.Version, ev.Data)
			}
		}
		if n, _ := r.actors(); n != 0 {
			t.Errorf("%d actors are left", n)
		}
	})
}

// A deleted aggregate can still be erased; one that never was cannot.
func TestDelete_EraseWhatWasDeleted(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig) {
		is[message.NotFound](t, r.startDelete("a", true).wait())
		r.add("a", 1)
		at(t, r.startDelete("a", false).wait(), 1)
		at(t, r.startDelete("a", true).wait(), 2)
		is[message.StreamErased](t, r.tell("a", doAdd, 1))
	})
}

// What a fault of the store or a crash interrupts is blanked later.
func TestDelete_ErasureIsTakenUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaulty(t)
		r := newRig(t, setup{store: st})
		for n := range 3 {
			r.add(fmt.Sprint("a", n), 1)
		}
		st.next(opErase, refused(), refused(), refused())
		for n := range 3 {
			at(t, r.startDelete(fmt.Sprint("a", n), true).wait(), 1)
		}
		blank := func(id string) bool { return r.events(id)[0].Data == nil }
		time.Sleep(time.Minute)
		for n := range 3 {
			if !blank(fmt.Sprint("a", n)) {
				t.Errorf("a%d is not blank a minute behind a fault", n)
			}
		}
		r.add("b", 1)
		st.next(opErase, refused())
		st.next(opPending, fate{}, refused(), refused())
		at(t, r.startDelete("b", true).wait(), 1)
		synctest.Wait()
		if blank("b") {
			t.Fatal("the fault did not come")
		}
		r.host.Stop()
		// A process that comes after it.
		if ok, err := st.Depose(context.Background(), store.Depose{Member: "m1", Alone: true}); err != nil || !ok {
			t.Fatal(err)
		}
		r = newRig(t, setup{store: st, member: "m2"})
		time.Sleep(time.Minute)
		if !blank("b") {
			t.Error("it is not blank at the next start")
		}
	})
}

// Deletions beside commands keep their place among them.
func TestDelete_InOrder(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig) {
		release := r.store.stall(opAppend, fate{})
		ps := []*pending{
			r.send("a", doAdd, 1), r.startDelete("a", false), r.send("a", doAdd, 2), r.startUnload("a"),
			r.send("a", doLook, 0), r.startDelete("a", false), r.send("a", doLook, 0),
		}
		release()
		at(t, ps[0].wait(), 0)
		at(t, ps[1].wait(), 1)
		at(t, ps[2].wait(), 2)
		if got := string(accepted(t, ps[3].wait()).Value.JSON); got != "true" {
			t.Errorf("unloading answered %s", got)
		}
		if got := string(accepted(t, ps[4].wait()).Value.JSON); got != `{"n":2,"told":1}` {
			t.Errorf("then it was %s", got)
		}
		at(t, ps[5].wait(), 3)
		at(t, ps[6].wait(), message.NoVersion)
	})
}

func TestDelete_NotStored(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig) {
		r.add("a", 1)
		r.store.next(opAppend, refused())
		is[message.ServiceUnavailable](t, r.startDelete("a", true).wait())
		if s, v := r.read("a"); s.N != 1 || v != 0 {
			t.Errorf("state %v at version %d", s, v)
		}
	})
}
