package runtime

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// A fault of an author's code fails its command alone: nothing is stored, the
// state is as it was, the actor goes on, and no caller sees what it panicked with.
func TestTrouble_FailsTheCommandAlone(t *testing.T) {
	booms := new(atomic.Bool)
	booms.Store(true)
	callbacks := func(d *aggregate.Definition[tally]) {
		d.OnCommit(func(context.Context, *aggregate.Message[tally], tally) { panic("a commit that panics") })
		d.OnRollback(func(context.Context, *aggregate.Message[tally], tally) { panic("a rollback that panics") })
		d.OnSaved(func(context.Context, message.AggregateID, tally, message.Version) { panic("saved panics") })
	}
	for kind, define := range map[string]func(*aggregate.Definition[tally]){
		"events": nil, "state": stateBased, "callbacks, state": func(d *aggregate.Definition[tally]) { callbacks(d); d.StateBased() },
	} {
		for _, do := range []string{doPanic, doBadCheck, doBoom, doBadEvent, doPanicky} {
			if kind != "events" && (do == doBadEvent || do == doPanicky) {
				continue // it is not stored, so it is not encoded
			}
			t.Run(kind+"/"+do, func(t *testing.T) {
				bubble(t, setup{define: define, booms: booms}, func(t *testing.T, r *rig) {
					r.add("a", 1)
					bad, behind := r.send("a", do, 2), r.send("a", doAdd, 4)
					crashed := is[message.Crashed](t, bad.wait())
					if strings.Contains(crashed.Reason, "secret") {
						t.Errorf("the caller is told %q", crashed.Reason)
					}
					at(t, behind.wait(), 1)
					if s, v := r.read("a"); s.N != 5 || v != 1 {
						t.Errorf("state %v at version %d", s, v)
					}
					crashed = is[message.Crashed](t, r.tell("new", do, 2))
					synctest.Wait()
					if n, _ := r.actors(); do != doBoom && n != 1 {
						t.Errorf("%d actors are left, %v", n, crashed)
					}
				})
			})
		}
	}
}

// A response that is too large is refused, and nothing is stored.
func TestTrouble_LargeResponse(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig) {
		r.add("a", 1)
		loads := r.store.count(opLoad)
		for range 3 {
			is[message.TooLarge](t, r.tell("a", doLarge, handler.MaxResponse))
		}
		if n := r.store.count(opLoad) - loads; n != 0 {
			t.Errorf("it was loaded %d times for refusals that touched nothing", n)
		}
		if s, v := r.read("a"); s.N != 1 || v != 0 {
			t.Errorf("state %v at version %d", s, v)
		}
	})
}

// A snapshot is a help: one that cannot be made fails no command.
func TestTrouble_SnapshotThatCannotBeEncoded(t *testing.T) {
	for kind, define := range map[string]func(*aggregate.Definition[tally]){
		"events": nil,
		"callbacks": func(d *aggregate.Definition[tally]) {
			d.OnCommit(func(context.Context, *aggregate.Message[tally], tally) {})
		},
	} {
		for _, do := range []string{doBadState, doPoison} {
			t.Run(kind+"/"+do, func(t *testing.T) {
				bubble(t, setup{define: define, binding: func(b *handler.Binding) { b.SnapshotEvery = 2 }}, func(t *testing.T, r *rig) {
					at(t, r.tell("a", do, 1), 0)
					for n := range message.Version(5) {
						at(t, r.tell("a", doAdd, 1), n+1)
					}
					r.unload("a")
					if s, v := r.read("a"); s.N != 6 || v != 5 {
						t.Errorf("state %v at version %d", s, v)
					}
				})
			})
		}
	}
}

// A state row is all there is of a state-based aggregate: without it, nothing is
// stored.
func TestTrouble_StateRowThatCannotBeEncoded(t *testing.T) {
	for _, do := range []string{doBadState, doPoison} {
		t.Run(do, func(t *testing.T) {
			bubble(t, setup{define: stateBased}, func(t *testing.T, r *rig) {
				r.add("a", 1)
				is[message.Crashed](t, r.tell("a", do, 2))
				at(t, r.tell("a", doAdd, 1), 1)
			})
		})
	}
}

// An aggregate whose apply keeps panicking is quarantined alone, for a time, and
// again at the first panic after it.
func TestTrouble_Quarantine(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig) { quarantine(t, r) })
	t.Run("panics", func(t *testing.T) {
		booms := new(atomic.Bool)
		booms.Store(true)
		bubble(t, setup{booms: booms}, func(t *testing.T, r *rig) {
			r.add("a", 1)
			for range panicsToQuarantine {
				is[message.Crashed](t, r.tell("a", doBoom, 1))
			}
			q := is[message.Quarantined](t, r.tell("a", doAdd, 1))
			if strings.Contains(q.Reason, "secret") || !strings.Contains(q.Reason, "apply") {
				t.Errorf("the caller is told %q", q.Reason)
			}
			if got := r.host.Quarantined(); len(got) != 1 || got[0] != string(streamOf("a")) {
				t.Errorf("quarantined: %v", got)
			}
			r.add("b", 1)
			time.Sleep(quarantineTime - time.Millisecond)
			is[message.Quarantined](t, r.tell("a", doLook, 1))
			time.Sleep(2 * time.Millisecond)
			is[message.Crashed](t, r.tell("a", doBoom, 1))
			is[message.Quarantined](t, r.tell("a", doLook, 1))
			time.Sleep(quarantineTime)
			r.add("a", 1) // which ends it
			is[message.Crashed](t, r.tell("a", doBoom, 1))
			r.add("a", 1)
		})
	})
	t.Run("panics of a new one", func(t *testing.T) {
		booms := new(atomic.Bool)
		booms.Store(true)
		bubble(t, setup{booms: booms}, func(t *testing.T, r *rig) {
			for range panicsToQuarantine {
				is[message.Crashed](t, r.tell("a", doBoom, 1))
				r.tell("a", doRefuse, 1)
			}
			is[message.Quarantined](t, r.tell("a", doAdd, 1))
			time.Sleep(memoryOfTrouble + time.Millisecond)
			synctest.Wait()
			if n, planned := r.actors(); n != 0 || planned != 0 {
				t.Errorf("%d actors and %d plans are left of trouble that is over", n, planned)
			}
			is[message.Crashed](t, r.tell("a", doBoom, 1))
			is[message.Crashed](t, r.tell("a", doBoom, 1))
		})
	})
	t.Run("panics at loading", func(t *testing.T) {
		booms := new(atomic.Bool)
		bubble(t, setup{booms: booms}, func(t *testing.T, r *rig) {
			at(t, r.tell("a", doBoom, 1), 0)
			r.unload("a")
			booms.Store(true)
			for range panicsToQuarantine - 1 {
				is[message.Crashed](t, r.tell("a", doAdd, 1))
			}
			q := is[message.Quarantined](t, r.tell("a", doAdd, 1))
			if strings.Contains(q.Reason, "secret") || !strings.Contains(q.Reason, "version 0") {
				t.Errorf("the caller is told %q", q.Reason)
			}
			loads := r.store.count(opLoad)
			is[message.Quarantined](t, r.tell("a", doAdd, 1))
			if r.store.count(opLoad) != loads {
				t.Error("a quarantined aggregate was loaded")
			}
			booms.Store(false)
			is[message.Quarantined](t, r.tell("a", doAdd, 1))
			if r.unload("a") {
				t.Error("it was in memory")
			}
			at(t, r.tell("a", doAdd, 1), 1) // unloading ended it
		})
	})
}

// quarantine has an aggregate that this binary cannot read.
func quarantine(t *testing.T, r *rig) {
	t.Helper()
	r.add("a", 1)
	r.unload("a")
	kinds, restore := r.core, r.host.hosted[testStream].core
	other := aggregate.New[tally](testStream)
	if kinds.StateBased {
		other.StateBased().Schema(7)
	}
	r.host.hosted[testStream].core = other.Core()
	q := is[message.Quarantined](t, r.tell("a", doLook, 1))
	if want := map[bool]string{true: "schema 1", false: `"told"`}[kinds.StateBased]; !strings.Contains(q.Reason, want) {
		t.Errorf("the reason %q does not name %s", q.Reason, want)
	}
	r.host.hosted[testStream].core = restore
	is[message.Quarantined](t, r.tell("a", doLook, 1))
	time.Sleep(quarantineTime + time.Millisecond)
	at(t, r.tell("a", doAdd, 1), 1)
}

// Events that are stored and whose apply panics behind the commit, which an
// aggregate with callbacks has whose state cannot be copied: the answer stands,
// the aggregate is in trouble.
func TestTrouble_AppliedAfterTheCommit(t *testing.T) {
	booms := new(atomic.Bool)
	booms.Store(true)
	define := func(d *aggregate.Definition[tally]) {
		d.OnCommit(func(context.Context, *aggregate.Message[tally], tally) {})
	}
	bubble(t, setup{define: define, booms: booms}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		is[message.Crashed](t, r.tell("a", doBoom, 1)) // found out on a copy: nothing is stored
		at(t, r.tell("a", doBadState, 1), 1)
		m := r.message("a", doBoom, 1)
		at(t, r.start(context.Background(), m).wait(), 2)
		is[message.Crashed](t, r.tell("a", doLook, 1))
		is[message.Quarantined](t, r.tell("a", doLook, 1))
		booms.Store(false)
		time.Sleep(quarantineTime + time.Millisecond)
		at(t, r.again(m.ID, "a", doBoom, 1), 2)
		at(t, r.tell("a", doAdd, 1), 3)
	})
}

// Author's code around a load.
func TestTrouble_Hydration(t *testing.T) {
	fault := func(f func(ctx context.Context, h *aggregate.Hydration[tally]) error) func(*aggregate.Definition[tally]) {
		return func(d *aggregate.Definition[tally]) { d.HydrateWith(f) }
	}
	type hydration = aggregate.Hydration[tally]
	for name, c := range map[string]struct {
		define func(*aggregate.Definition[tally])
		want   func(t *testing.T, got message.Response)
	}{
		"error": {fault(func(context.Context, *hydration) error { return errors.New("no") }), func(t *testing.T, got message.Response) { is[message.Crashed](t, got) }},
		"refusal": {fault(func(context.Context, *hydration) error { return aggregate.Refuse("closed") }), func(t *testing.T, got message.Response) {
			if e := is[message.DomainError](t, got); e.Code != "closed" {
				t.Errorf("answered %#v", e)
			}
		}},
		"error behind a load": {fault(func(ctx context.Context, h *hydration) error {
			if err := h.Default(ctx); err != nil {
				return err
			}
			return aggregate.Refuse("closed")
		}), func(t *testing.T, got message.Response) { is[message.DomainError](t, got) }},
		"nothing": {fault(func(context.Context, *hydration) error { return nil }), func(t *testing.T, got message.Response) { is[message.Crashed](t, got) }},
		"panic":   {fault(func(context.Context, *hydration) error { panic("no") }), func(t *testing.T, got message.Response) { is[message.Crashed](t, got) }},
		"initial": {func(d *aggregate.Definition[tally]) { d.Initial(func() tally { panic("no") }) }, func(t *testing.T, got message.Response) { is[message.Crashed](t, got) }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{define: c.define}, func(t *testing.T, r *rig) {
				first, second := r.send("a", doAdd, 1), r.send("a", doAdd, 1)
				c.want(t, first.wait())
				c.want(t, second.wait())
				synctest.Wait()
				if n, bytes := r.host.Actors(); n != 0 || bytes != 0 {
					t.Errorf("%d actors of %d bytes are counted", n, bytes)
				}
				if _, err := r.host.StateAt(t.Context(), testStream, "a", 0); err == nil {
					t.Error("there is a state of the past")
				}
			})
		})
	}
}

func TestTrouble_Restore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newFaulty(t)
		every := func(b *handler.Binding) { b.SnapshotEvery = 3 }
		r := newRig(t, setup{store: st, binding: every})
		for range 5 {
			r.add("a", 1)
		}
		r.host.Stop()
		next := func(member store.MemberID, define func(*aggregate.Definition[tally])) *rig {
			t.Helper()
			r.host.Stop()
			if _, err := st.Depose(t.Context(), store.Depose{Member: r.host.cfg.Member, Alone: true}); err != nil {
				t.Fatal(err)
			}
			return newRig(t, setup{store: st, member: member, binding: every, define: define})
		}
		r = next("m2", func(d *aggregate.Definition[tally]) { // as it was: the snapshot and two events
			d.Schema(1)
		})
		if s, v := r.read("a"); s.N != 5 || v != 4 {
			t.Errorf("state %v at version %d", s, v)
		}
		r = next("m3", func(d *aggregate.Definition[tally]) {
			d.Schema(2)
			aggregate.Restore(d, 1, func(o struct{ N int }) tally { return tally{N: o.N + 100} })
		})
		if s, v := r.read("a"); s.N != 105 || v != 4 {
			t.Errorf("restored state %v at version %d", s, v)
		}
		r = next("m4", func(d *aggregate.Definition[tally]) { d.Schema(2) }) // no Restore: the events
		if s, v := r.read("a"); s.N != 5 || len(s.Told) != 5 || v != 4 {
			t.Errorf("replayed state %v at version %d", s, v)
		}
		at(t, r.tell("a", doAdd, 1), 5) // takes the place of the snapshot that cannot be read
		r.unload("a")
		reads := st.count(opRead)
		if s, v := r.read("a"); s.N != 6 || v != 5 || st.count(opRead) != reads {
			t.Errorf("state %v at version %d after %d reads", s, v, st.count(opRead)-reads)
		}
		r = next("m5", func(d *aggregate.Definition[tally]) {
			d.Schema(3)
			aggregate.Restore(d, 2, func(struct{ N int }) tally { panic("a Restore that panics") })
		})
		p, _ := r.startRead("a")
		is[message.Crashed](t, p.wait())
	})
}

func TestTrouble_ReadThatPanics(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		m := r.about("$read", "a")
		p := r.pending(m)
		r.host.Read(t.Context(), m, func(handler.View) message.Response { panic("no") }, p.reply)
		is[message.Crashed](t, p.wait())
		r.add("a", 1)
	})
}

func TestTrouble_FilterEvents(t *testing.T) {
	for name, c := range map[string]struct {
		filter func(*aggregate.Message[tally], []aggregate.Pending) ([]aggregate.Pending, error)
		want   func(t *testing.T, got message.Response)
	}{
		"refusal": {func(*aggregate.Message[tally], []aggregate.Pending) ([]aggregate.Pending, error) {
			return nil, aggregate.Refuse("no")
		},
			func(t *testing.T, got message.Response) { is[message.DomainError](t, got) }},
		"panic": {func(*aggregate.Message[tally], []aggregate.Pending) ([]aggregate.Pending, error) { panic("no") },
			func(t *testing.T, got message.Response) { is[message.Crashed](t, got) }},
		"all": {func(*aggregate.Message[tally], []aggregate.Pending) ([]aggregate.Pending, error) { return nil, nil },
			func(t *testing.T, got message.Response) { at(t, got, 0) }},
	} {
		t.Run(name, func(t *testing.T) {
			on := new(atomic.Bool)
			define := func(d *aggregate.Definition[tally]) {
				d.FilterEvents(func(m *aggregate.Message[tally], events []aggregate.Pending) ([]aggregate.Pending, error) {
					if on.Load() {
						return c.filter(m, events)
					}
					return events, nil
				})
			}
			bubble(t, setup{define: define}, func(t *testing.T, r *rig) {
				r.add("a", 1)
				synctest.Wait() // its commit is counted down behind its answer
				loads := r.watch.count(&r.watch.loaded)
				on.Store(true)
				bad, behind := r.send("a", doAdd, 2), r.send("a", doLook, 0)
				c.want(t, bad.wait())
				at(t, behind.wait(), 0)
				if again := r.watch.count(&r.watch.loaded) - loads; (again == 1) != (name != "all") {
					t.Errorf("it was loaded again %d times", again)
				}
				on.Store(false)
				at(t, r.tell("a", doMany, 3), 3)
				if s, _ := r.read("a"); s.N != 4 {
					t.Errorf("state %v", s)
				}
			})
		})
	}
}
