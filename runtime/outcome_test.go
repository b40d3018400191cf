package runtime

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// bubble runs a test in virtual time, with a rig that is stopped at its end.
// That nothing of it is left is checked by the bubble itself.
func bubble(t *testing.T, s setup, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, newRig(t, s))
	})
}

func TestOutcome_NoAnswerBeforeTheAppendReturned(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		release := r.store.stall(opAppend, fate{})
		write := r.send("a", doAdd, 2)
		behind := []*pending{r.send("a", doRefuse, 0), r.send("a", doLook, 0), r.send("a", doRecord, 3)}
		reading, _ := r.startRead("a")
		synctest.Wait()
		for _, p := range append(behind, write, reading) {
			p.open()
		}
		release()
		at(t, write.wait(), 1)
		refused := is[message.DomainError](t, behind[0].wait())
		if got := string(refused.Detail.JSON); got != `{"n":3,"told":2}` {
			t.Errorf("the refusal saw %s", got)
		}
		at(t, behind[1].wait(), 1)
		is[message.DomainError](t, behind[2].wait())
		at(t, reading.wait(), 2)
	})
}

// What a lost append comes to, whether it is in the store or not.
func TestOutcome_Unknown(t *testing.T) {
	cases := map[string]struct {
		append fate
		script func(*faulty)
	}{
		"stored":                           {append: lost(true)},
		"not stored":                       {append: lost(false)},
		"not stored, arrives late":         {append: late()},
		"stored, raising fails twice":      {lost(true), func(f *faulty) { f.next(opRaise, refused(), lost(true)) }},
		"not stored, raising fails twice":  {lost(false), func(f *faulty) { f.next(opRaise, refused(), lost(false)) }},
		"stored, looking it up fails":      {lost(true), func(f *faulty) { f.next(opLog, refused()); f.next(opLoad, refused()) }},
		"not stored, looking it up fails":  {late(), func(f *faulty) { f.next(opLog, refused()); f.next(opLoad, refused()) }},
		"stored, verifying fails":          {lost(true), func(f *faulty) { f.next(opVerify, refused()) }},
		"not stored, verifying fails":      {late(), func(f *faulty) { f.next(opVerify, refused()) }},
		"not stored, and again not stored": {late(), func(f *faulty) { f.next(opAppend, late()) }},
		"not stored, then stored unknown":  {late(), func(f *faulty) { f.next(opAppend, lost(true)) }},
	}
	kinds := map[string]func(*aggregate.Definition[tally]){
		"events": nil,
		"callbacks": func(d *aggregate.Definition[tally]) {
			d.OnCommit(func(context.Context, *aggregate.Message[tally], tally) {})
		},
		"state": func(d *aggregate.Definition[tally]) { d.StateBased() },
	}
	for kind, define := range kinds {
		for name, c := range cases {
			t.Run(kind+"/"+name, func(t *testing.T) {
				bubble(t, setup{define: define}, func(t *testing.T, r *rig) {
					r.add("a", 1)
					r.store.next(opAppend, c.append)
					if c.script != nil {
						c.script(r.store)
					}
					first := r.message("a", doAdd, 2)
					p := r.start(context.Background(), first)
					behind := r.send("a", doLook, 0)
					at(t, p.wait(), 1)
					if got := string(accepted(t, behind.wait()).Value.JSON); got != `{"n":3,"told":2}` {
						t.Errorf("then the state was %s", got)
					}
					r.store.heal()                             // of what was scripted for other kinds
					at(t, r.again(first.ID, "a", doAdd, 2), 1) // the first response, not a second run
					at(t, r.tell("a", doAdd, 4), 2)
					r.unload("a")
					if s, v := r.read("a"); s.N != 7 || len(s.Told) != 3 || v != 2 {
						t.Errorf("state %v at version %d", s, v)
					}
				})
			})
		}
	}
}

// An earlier event of the same message id, which a late first attempt can meet,
// says nothing of the append whose outcome is unknown.
func TestOutcome_UnknownOfALateFirstAttempt(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		retry := r.message("a", doAdd, 1)
		at(t, r.start(context.Background(), retry).wait(), 0)

		r.store.next(opAppend, lost(false))
		first := r.messageWith(retry.ID, "a", doAdd, 1)
		first.FirstAttempt = true // it was delayed on its way, its retry overtook it
		release := r.store.stall(opRaise, fate{})
		p := r.start(context.Background(), first)
		synctest.Wait()
		neighbour := r.send("b", doAdd, 5)
		release()
		at(t, p.wait(), 0) // the first response
		at(t, neighbour.wait(), 0)
		r.add("a", 2)
		if s, v := r.read("a"); s.N != 3 || v != 1 {
			t.Errorf("state %v at version %d", s, v)
		}
	})
}

// Of a batch that was lost, the first command decides for all: it must not be
// taken for stored because of something else.
func TestOutcome_UnknownOfABatch(t *testing.T) {
	for name, kind := range map[string]func(r *rig) *pending{
		"command":     func(r *rig) *pending { return r.send("a", doAdd, 1) },
		"soft delete": func(r *rig) *pending { return r.startDelete("a", false) },
		"erasure":     func(r *rig) *pending { return r.startDelete("a", true) },
		"late attempt": func(r *rig) *pending {
			m := r.messageWith("dup", "a", doAdd, 1)
			m.FirstAttempt = true
			return r.start(context.Background(), m)
		},
	} {
		for _, done := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/stored=%v", name, done), func(t *testing.T) {
				bubble(t, setup{config: func(c *Config) { c.Writers = 1 }}, func(t *testing.T, r *rig) {
					at(t, r.again("dup", "a", doAdd, 1), 0)
					r.add("b", 1)
					hold := r.store.stall(opAppend, fate{})
					blocker := r.send("c", doAdd, 1)
					synctest.Wait()
					r.store.next(opAppend, lost(done))
					head := kind(r)
					synctest.Wait() // so that it goes first
					mate := r.message("b", doAdd, 2)
					rest := r.start(context.Background(), mate)
					hold()
					at(t, blocker.wait(), 0)
					accepted(t, head.wait())
					at(t, rest.wait(), 1)
					at(t, r.again(mate.ID, "b", doAdd, 2), 1)
					if s, v := r.read("b"); s.N != 3 || v != 1 {
						t.Errorf("state %v at version %d", s, v)
					}
					if n := r.host.Owned(); n != testSlots {
						t.Errorf("%d slots are left of %d", n, testSlots)
					}
				})
			})
		}
	}
}

// The caller is told at its commit timeout that the outcome is unknown, the
// actor admits nothing until it is known, and a retry tells.
func TestOutcome_CommitTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		then   fate
		stored bool
	}{
		"then stored":           {fate{}, true},
		"then refused":          {refused(), false},
		"then lost, stored":     {lost(true), true},
		"then lost, on its way": {late(), true}, // it is appended again
	} {
		t.Run(name, func(t *testing.T) {
			var rolledBack atomic.Int32
			define := func(d *aggregate.Definition[tally]) {
				d.OnRollback(func(context.Context, *aggregate.Message[tally], tally) { rolledBack.Add(1) })
			}
			bubble(t, setup{define: define, binding: func(b *handler.Binding) { b.CommitTimeout = 300 * time.Millisecond }}, func(t *testing.T, r *rig) {
				r.add("a", 1)
				release := r.store.stall(opAppend, c.then)
				m := r.message("a", doAdd, 2)
				began := time.Now()
				got := is[message.OutcomeUnknown](t, r.start(context.Background(), m).wait())
				if waited := time.Since(began); waited < 300*time.Millisecond || waited > 400*time.Millisecond {
					t.Errorf("told after %v", waited)
				}
				if got.MessageID != m.ID || got.Service != "tell" || got.Timeout != 300*time.Millisecond {
					t.Errorf("told %#v", got)
				}
				if n := rolledBack.Load(); n != 0 {
					t.Errorf("rolled back %d times although nobody knows", n)
				}
				behind, retry := r.send("a", doLook, 0), r.start(context.Background(), r.messageWith(m.ID, "a", doAdd, 2))
				time.Sleep(time.Minute)
				behind.open()
				retry.open()
				if n := r.watch.count(&r.watch.timeouts); n != 1 {
					t.Errorf("the observer heard of %d timeouts", n)
				}
				release()
				want := `{"n":1,"told":1}`
				if c.stored {
					want = `{"n":3,"told":2}`
				}
				if got := string(accepted(t, behind.wait()).Value.JSON); got != want {
					t.Errorf("then the state was %s, want %s", got, want)
				}
				at(t, retry.wait(), 1) // its first response, or it ran now
				if s, v := r.read("a"); s.N != 3 || v != 1 {
					t.Errorf("state %v at version %d", s, v)
				}
				if n := rolledBack.Load(); (n == 0) != c.stored {
					t.Errorf("rolled back %d times, stored: %v", n, c.stored)
				}
			})
		})
	}
}

// What the store refuses is answered alone; its neighbours of the append are
// stored.
func TestOutcome_RefusedInMidBatch(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want func(t *testing.T, got message.Response)
	}{
		"version conflict": {
			&store.VersionConflictError{Stream: streamOf("b"), Expected: 0, Current: 7},
			func(t *testing.T, got message.Response) {
				if w := is[message.WrongExpectedVersion](t, got); w.Expected != 0 || w.Current != 7 {
					t.Errorf("answered %#v", w)
				}
			},
		},
		"duplicate, which is not found": {
			&store.DuplicateMessageError{Stream: streamOf("b"), MessageID: "msg-m1-5"},
			func(t *testing.T, got message.Response) { at(t, got, 1) }, // it ran again
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{config: func(cfg *Config) { cfg.Writers = 1 }}, func(t *testing.T, r *rig) {
				for _, id := range []string{"a", "b", "c"} {
					r.add(id, 1)
				}
				hold := r.store.stall(opAppend, fate{})
				blocker := r.send("d", doAdd, 1)
				synctest.Wait()
				r.store.next(opAppend, fate{err: c.err})
				a, b, d := r.send("a", doAdd, 2), r.send("b", doAdd, 2), r.send("c", doAdd, 2)
				behind := r.send("b", doLook, 0)
				synctest.Wait() // all are pending, and share an append
				hold()
				at(t, blocker.wait(), 0)
				at(t, a.wait(), 1)
				got := b.wait()
				c.want(t, got)
				at(t, d.wait(), 1)
				after := `{"n":1,"told":1}`
				if _, ran := got.(message.OK); ran {
					after = `{"n":3,"told":2}` // in its place
				}
				if got := string(accepted(t, behind.wait()).Value.JSON); got != after {
					t.Errorf("the next command saw %s", got)
				}
				if s, _ := r.read("c"); s.N != 3 {
					t.Errorf("state of a neighbour: %v", s)
				}
			})
		})
	}
}

// In a doubt, whatever happened to the store can have cost the writer any of its
// slots: none is served from memory before it was compared.
func TestOutcome_UnknownComparesAllSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, setup{config: func(c *Config) { c.Writers = 1 }})
		other := idsIn((slotOf("a")+1)%testSlots, 1)[0]
		a.add("a", 1)
		a.add(other, 1)
		raise := a.store.stall(opRaise, fate{})
		a.store.next(opAppend, lost(true))
		p := a.send("a", doAdd, 2)
		synctest.Wait()
		a.store.takeAway("m1", slotOf(other), a.host.Epoch(slotOf(other)))
		b.acquire(slotOf(other))
		b.add(other, 100)
		raise()
		at(t, p.wait(), 1)
		is[message.ServiceUnavailable](t, a.tell(other, doLook, 0))
		at(t, a.tell("a", doAdd, 1), 2)
		if n := a.host.Owned(); n != testSlots-1 {
			t.Errorf("%d slots are owned", n)
		}
	})
}

// A duplicate for ever is answered, not tried for ever.
func TestOutcome_DuplicateThatStays(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		dup := fate{err: &store.DuplicateMessageError{Stream: streamOf("a"), MessageID: "msg-m1-1"}}
		r.store.next(opAppend, dup, dup)
		is[message.ServiceUnavailable](t, r.tell("a", doAdd, 1))
		r.add("a", 1)
	})
}

// A first attempt runs without a lookup; if its id is there after all, it gets
// the first response, in its place among its neighbours.
func TestOutcome_DuplicateFoundLate(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		at(t, r.again("dup", "a", doAdd, 1), 0)
		r.add("a", 1)
		loads := r.store.count(opLoad)
		m := r.messageWith("dup", "a", doAdd, 1)
		m.FirstAttempt = true
		hold := r.store.stall(opAppend, fate{})
		p := r.start(context.Background(), m)
		other := r.messageWith("dup", "a", doAdd, 9)
		other.FirstAttempt = true
		reused := r.start(context.Background(), other)
		behind := r.send("a", doAdd, 2)
		synctest.Wait()
		if n := r.store.count(opLoad); n != loads {
			t.Errorf("a first attempt was looked up")
		}
		hold()
		at(t, p.wait(), 0)
		is[message.MessageIDReused](t, reused.wait())
		at(t, behind.wait(), 2)
	})
}

// Faults of the store that say that nothing was stored.
func TestOutcome_Refused(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		r.store.next(opAppend, refused())
		m := r.message("a", doAdd, 2)
		is[message.ServiceUnavailable](t, r.start(context.Background(), m).wait())
		if s, v := r.read("a"); s.N != 1 || v != 0 {
			t.Errorf("state %v at version %d", s, v)
		}
		at(t, r.again(m.ID, "a", doAdd, 2), 1)
	})
}

// The head of a slot that the store has otherwise: everything in memory of that
// slot is worthless, other slots go on.
func TestOutcome_StaleSlot(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		other := "b"
		for n := 0; slotOf(other) == slotOf("a"); n++ {
			other = fmt.Sprintf("b%d", n)
		}
		r.add(other, 1)
		r.store.next(opAppend, fate{err: &store.StaleSlotError{Slots: ringSlots(slotOf("a"))}})
		lost, behind := r.send("a", doAdd, 2), r.send("a", doLook, 0)
		is[message.ServiceUnavailable](t, lost.wait())
		is[message.ServiceUnavailable](t, behind.wait())
		is[message.ServiceUnavailable](t, r.tell("a", doLook, 0))
		if n := r.host.Owned(); n != testSlots-1 {
			t.Errorf("%d slots are owned", n)
		}
		if e := r.host.Epoch(slotOf("a")); e != 0 {
			t.Errorf("the slot that was lost has epoch %d", e)
		}
		r.add(other, 2)
		if n, err := r.host.Acquire(context.Background(), ringSlots(slotOf("a"))); err != nil || n != 1 {
			t.Fatalf("acquired %d: %v", n, err)
		}
		if e := r.host.Epoch(slotOf("a")); e != 2 {
			t.Errorf("the slot has epoch %d", e)
		}
		at(t, r.tell("a", doAdd, 2), 1)
	})
}

// A member that is fenced off serves nothing from memory any more, and knows of
// what was in doubt.
func TestOutcome_Fenced(t *testing.T) {
	for name, c := range map[string]struct {
		fate   fate
		stored bool
	}{
		"at an append":               {fate{}, false},
		"while in doubt, not stored": {lost(false), false},
		"while in doubt, stored":     {fate{err: &store.UnknownOutcomeError{Err: errReset}, done: true}, true},
		"while in doubt, on its way": {late(), false},
	} {
		t.Run(name, func(t *testing.T) {
			var rolledBack, committed atomic.Int32
			define := func(d *aggregate.Definition[tally]) {
				d.OnRollback(func(context.Context, *aggregate.Message[tally], tally) { rolledBack.Add(1) })
				d.OnCommit(func(context.Context, *aggregate.Message[tally], tally) { committed.Add(1) })
			}
			bubble(t, setup{define: define}, func(t *testing.T, r *rig) {
				r.add("a", 1)
				r.add("b", 1)
				depose := func() {
					if ok, err := r.store.Depose(context.Background(), store.Depose{Member: "m1", Alone: true}); err != nil || !ok {
						t.Errorf("deposing: %v %v", ok, err)
					}
				}
				if c.fate.err == nil {
					depose()
				}
				r.store.next(opAppend, c.fate)
				release := r.store.stall(opRaise, fate{})
				p := r.send("a", doAdd, 2)
				synctest.Wait()
				if c.fate.err != nil {
					depose()
				}
				release()
				if got := p.wait(); c.stored {
					at(t, got, 1)
				} else {
					is[message.ServiceUnavailable](t, got)
				}
				synctest.Wait()
				if n := r.host.Owned(); n != 0 {
					t.Errorf("a fenced member serves %d slots", n)
				}
				is[message.ServiceUnavailable](t, r.tell("b", doLook, 0))
				if n := rolledBack.Load(); (n == 0) != c.stored {
					t.Errorf("rolled back %d times, stored: %v", n, c.stored)
				}
				if n := committed.Load(); n != 2 && !c.stored || n != 3 && c.stored {
					t.Errorf("committed %d times, stored: %v", n, c.stored)
				}
				if _, err := r.host.Acquire(context.Background(), allSlots()); !errors.As(err, new(*store.FencedError)) {
					t.Errorf("acquiring: %v", err)
				}
			})
		})
	}
}

// A later owner that has run a command of the batch again says nothing of the
// rest of it.
func TestOutcome_FencedAndOvertaken(t *testing.T) {
	for name, define := range kinds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, setup{define: define, config: func(c *Config) { c.Writers = 1 }})
				hold := a.store.stall(opAppend, fate{})
				blocker := a.send("c", doAdd, 1)
				synctest.Wait()
				a.store.next(opAppend, lost(false))
				raise := a.store.stall(opRaise, fate{})
				one, two := a.message("a", doAdd, 1), a.message("b", doAdd, 1)
				p := a.start(t.Context(), one)
				synctest.Wait() // so that it goes first
				q := a.start(t.Context(), two)
				hold()
				at(t, blocker.wait(), 0)
				synctest.Wait()
				if ok, err := a.store.Depose(t.Context(), store.Depose{Member: "m1", Alone: true}); err != nil || !ok {
					t.Fatalf("deposing: %v %v", ok, err)
				}
				b.acquire(allSlots()...)
				at(t, b.again(one.ID, "a", doAdd, 1), 0)
				b.add("a", 2)
				raise()
				p.wait() // it is stored, whoever did it: any answer but a wrong version will do
				is[message.ServiceUnavailable](t, q.wait())
				at(t, b.again(two.ID, "b", doAdd, 1), 0)
			})
		})
	}
}

// A host that stops while nobody knows says so: it neither promises nor takes back.
func TestOutcome_StopInDoubt(t *testing.T) {
	var rolledBack, committed atomic.Int32
	define := func(d *aggregate.Definition[tally]) {
		d.OnRollback(func(context.Context, *aggregate.Message[tally], tally) { rolledBack.Add(1) })
		d.OnCommit(func(context.Context, *aggregate.Message[tally], tally) { committed.Add(1) })
	}
	one := func(c *Config) { c.BatchCommands, c.Writers = 1, 1 }
	bubble(t, setup{define: define, config: one}, func(t *testing.T, r *rig) {
		r.store.next(opAppend, lost(true))
		r.store.disturb(func(op string) fate {
			if op == opRaise {
				return refused()
			}
			return fate{}
		})
		p, behind := r.send("a", doAdd, 1), r.send("a", doLook, 0)
		time.Sleep(time.Second)
		other := r.send("b", doAdd, 1) // pending on the same writer, and never sent
		time.Sleep(time.Second)
		p.open()
		r.host.Stop()
		is[message.OutcomeUnknown](t, p.wait())
		is[message.ServiceUnavailable](t, behind.wait())
		is[message.ServiceUnavailable](t, other.wait())
		if rolledBack.Load() != 1 || committed.Load() != 0 { // of the other
			t.Errorf("rolled back %d times, committed %d times", rolledBack.Load(), committed.Load())
		}
	})
}
