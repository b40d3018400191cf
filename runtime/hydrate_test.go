package runtime

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// grow gives an aggregate n events, and unloads it.
func (r *rig) grow(id string, n int) {
	r.t.Helper()
	for n > 0 {
		step := min(n, 500)
		accepted(r.t, r.tell(id, doMany, step))
		n -= step
	}
	r.unload(id)
}

func TestHydrate_Pages(t *testing.T) {
	small := func(c *Config) { c.Page = 100 }
	for _, n := range []int{1, 99, 100, 101, 200, 237, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			bubble(t, setup{config: small}, func(t *testing.T, r *rig) {
				r.grow("a", n)
				if s, v := r.read("a"); s.N != n || v != message.Version(n-1) {
					t.Errorf("%d told at version %d", s.N, v)
				}
				if got, want := r.store.count(opRead), (n-1)/100; got > want+1 || got < want {
					t.Errorf("%d reads behind the load, want about %d", got, want)
				}
			})
		})
	}
}

// A fault in the middle of a long load is answered; nothing of it stays.
func TestHydrate_FaultWhilePaging(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.Page = 100 }}, func(t *testing.T, r *rig) {
		r.grow("a", 1000)
		r.store.next(opRead, fate{}, fate{}, refused())
		is[message.ServiceUnavailable](t, r.tell("a", doLook, 1))
		synctest.Wait()
		if n, bytes := r.host.Actors(); n != 0 || bytes != 0 {
			t.Errorf("%d actors of %d bytes are counted", n, bytes)
		}
		if s, v := r.read("a"); s.N != 1000 || v != 999 {
			t.Errorf("%d told at version %d", s.N, v)
		}
	})
}

// A long stream gets into memory although each of its callers has little time;
// none of their late commands is started.
func TestHydrate_LongerThanItsCallersWait(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.Page = 100 }}, func(t *testing.T, r *rig) {
		r.grow("a", 1000)
		release := r.store.stall(opRead, fate{})
		first := r.start(within(t, time.Second), r.message("a", doAdd, 1))
		second := r.start(within(t, 2*time.Second), r.message("a", doAdd, 1))
		third := r.start(within(t, time.Minute), r.message("a", doLook, 0))
		time.Sleep(10 * time.Second)
		release()
		if got := is[message.ServiceTimeout](t, first.wait()); got.Timeout != time.Second || got.Service != "tell" {
			t.Errorf("answered %#v", got)
		}
		is[message.ServiceTimeout](t, second.wait())
		if got := string(accepted(t, third.wait()).Value.JSON); got != `{"n":1000,"told":1000}` {
			t.Errorf("then it was %s", got)
		}
		if n := r.watch.count(&r.watch.loaded); n != 2 {
			t.Errorf("it was loaded %d times", n)
		}
	})
}

func TestHydrate_FaultOfALoad(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		r.grow("a", 3)
		r.store.next(opLoad, refused())
		release := r.store.stall(opLoad, refused())
		ps := []*pending{r.send("a", doAdd, 1), r.send("a", doAdd, 2), r.send("a", doAdd, 4)}
		is[message.ServiceUnavailable](t, ps[0].wait())
		release()
		is[message.ServiceUnavailable](t, ps[1].wait())
		at(t, ps[2].wait(), 3)
		if s, _ := r.read("a"); s.N != 7 {
			t.Errorf("state %v", s)
		}
	})
}

// Cold aggregates that are wanted at once share round trips.
func TestHydrate_ManyAtOnce(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.Loaders = 1 }}, func(t *testing.T, r *rig) {
		release := r.store.stall(opLoad, fate{})
		var ps []*pending
		for n := range 1000 {
			ps = append(ps, r.send(fmt.Sprint("a", n), doAdd, 1))
		}
		synctest.Wait()
		release()
		for _, p := range ps {
			at(t, p.wait(), 0)
		}
		if n := r.store.count(opLoad); n > 4 {
			t.Errorf("%d loads for 1000 aggregates", n)
		}
	})
}

// Ids are looked up in the store unless memory proves that they are new.
func TestHydrate_Lookups(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		var sent []message.ID
		loads := func(f func()) int { n := r.store.count(opLoad); f(); return r.store.count(opLoad) - n }
		add := func() {
			m := r.message("a", doAdd, 1)
			sent = append(sent, m.ID)
			accepted(t, r.start(t.Context(), m).wait())
		}
		if n := loads(add); n != 1 {
			t.Errorf("the first command loaded %d times", n)
		}
		for len(sent) < 9 {
			if n := loads(add); n != 0 && len(sent) < 9 {
				t.Errorf("command %d looked up %d times although all ids are in memory", len(sent), n)
			}
		}
		for range 20 {
			if n := loads(add); n != 1 {
				t.Errorf("command %d looked up %d times although memory has not all ids", len(sent), n)
			}
		}
		for v, id := range sent {
			at(t, r.again(id, "a", doAdd, 1), message.Version(v))
		}
		is[message.MessageIDReused](t, r.again(sent[0], "a", doAdd, 2))
		r.unload("a")
		for v, id := range sent {
			at(t, r.again(id, "a", doAdd, 1), message.Version(v))
		}
		first := r.message("a", doAdd, 1)
		first.FirstAttempt = true
		if n := loads(func() { accepted(t, r.start(t.Context(), first).wait()) }); n != 0 {
			t.Errorf("a first attempt looked up %d times", n)
		}
		if s, v := r.read("a"); s.N != len(sent)+1 || int(v) != len(sent) {
			t.Errorf("%d told at version %d by %d commands", s.N, v, len(sent)+1)
		}
	})
}

// Behind a snapshot, a deletion and a HydrateWith, memory does not know the ids
// of before: they are looked up, and never run again.
func TestHydrate_RepeatsOfBefore(t *testing.T) {
	type hydration = aggregate.Hydration[tally]
	for name, c := range map[string]struct {
		every  int
		delete bool
		define func(*aggregate.Definition[tally])
	}{
		"nothing":         {},
		"snapshot":        {every: 2},
		"deletion":        {delete: true},
		"state":           {define: stateBased},
		"state, deletion": {define: stateBased, delete: true},
		"replay": {every: 2, define: func(d *aggregate.Definition[tally]) {
			d.HydrateWith(func(ctx context.Context, h *hydration) error { return h.Replay(ctx) })
		}},
		"default": {every: 2, define: func(d *aggregate.Definition[tally]) {
			d.HydrateWith(func(ctx context.Context, h *hydration) error { return h.Default(ctx) })
		}},
		"default and more":  {every: 2, define: func(d *aggregate.Definition[tally]) { d.HydrateWith(defaultAndMore) }},
		"a state elsewhere": {define: func(d *aggregate.Definition[tally]) { d.HydrateWith(elsewhere) }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{define: c.define, binding: func(b *handler.Binding) { b.SnapshotEvery = c.every }}, func(t *testing.T, r *rig) {
				var sent []*message.Message
				for range 5 {
					m := r.message("a", doAdd, 1)
					sent = append(sent, m)
					accepted(t, r.start(t.Context(), m).wait())
					r.unload("a")
				}
				last := message.Version(4)
				if c.delete {
					r.startDelete("a", false).wait()
					at(t, r.tell("a", doAdd, 1), 6)
					r.unload("a")
					last = 6
				}
				appends := r.store.count(opAppend)
				for _, warm := range []bool{false, true} {
					for v, m := range sent {
						if !warm {
							r.unload("a")
						}
						at(t, r.again(m.ID, "a", doAdd, 1), message.Version(v))
					}
				}
				if n := r.store.count(opAppend) - appends; n != 0 {
					t.Errorf("%d repeats were decided and appended again before they were found", n)
				}
				if _, v := r.read("a"); v != last {
					t.Errorf("it is at version %d, want %d", v, last)
				}
				at(t, r.tell("a", doAdd, 1), last+1)
			})
		})
	}
}

func defaultAndMore(ctx context.Context, h *aggregate.Hydration[tally]) error {
	if err := h.Default(ctx); err != nil {
		return err
	}
	if err := h.Default(ctx); err != nil { // twice is as good
		return err
	}
	s, _ := h.Current()
	s.N += 1000
	return nil
}

func elsewhere(ctx context.Context, h *aggregate.Hydration[tally]) error {
	if err := h.Replay(ctx); err != nil {
		return err
	}
	_, v := h.Current()
	h.Use(tally{N: 77}, v)
	return nil
}

// A state-based aggregate remembers the last 64 messages, and no more.
func TestHydrate_RepeatsOfAStateBasedOne(t *testing.T) {
	bubble(t, setup{define: stateBased}, func(t *testing.T, r *rig) {
		var sent []message.ID
		for range recentOfState + 6 {
			m := r.message("a", doAdd, 1)
			sent = append(sent, m.ID)
			accepted(t, r.start(t.Context(), m).wait())
		}
		for _, warm := range []bool{true, false} {
			if !warm {
				r.unload("a")
			}
			for v := 6; v < len(sent); v++ {
				at(t, r.again(sent[v], "a", doAdd, 1), message.Version(v))
			}
		}
		at(t, r.again(sent[5], "a", doAdd, 1), recentOfState+6) // too long ago: it ran
		at(t, r.again(sent[7], "a", doAdd, 1), 7)
	})
}

// With HydrateWith a state of a wrong version is refused by the store, not
// appended to.
func TestHydrate_WrongVersion(t *testing.T) {
	stale := func(d *aggregate.Definition[tally]) {
		d.HydrateWith(func(ctx context.Context, h *aggregate.Hydration[tally]) error {
			h.Use(tally{}, 1)
			return nil
		})
	}
	for name, define := range map[string]func(*aggregate.Definition[tally]){"events": stale, "state": func(d *aggregate.Definition[tally]) { stale(d); d.StateBased() }} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{define: define}, func(t *testing.T, r *rig) {
				w := is[message.WrongExpectedVersion](t, r.tell("a", doAdd, 1))
				if w.Expected != 1 || w.Current != message.NoVersion {
					t.Errorf("answered %#v", w)
				}
			})
		})
	}
}

func TestStateAt(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.Page = 3 }}, func(t *testing.T, r *rig) {
		for range 7 {
			r.add("a", 1)
		}
		r.startDelete("a", false).wait()
		r.add("a", 100)
		at := func(id string, v message.Version) (handler.View, error) {
			return r.host.StateAt(t.Context(), testStream, message.AggregateID(id), v)
		}
		for v, n := range []int{1, 2, 3, 4, 5, 6, 7, 0, 100} {
			view, err := at("a", message.Version(v))
			if err != nil || view.State.(*tally).N != n || view.Exists != (v != 7) || view.Version != message.Version(v) {
				t.Errorf("at %d: %v %v %v", v, view.State, view, err)
			}
		}
		for _, v := range []message.Version{-1, 9, 100} {
			if _, err := at("a", v); !errors.Is(err, ErrNoSuchVersion) {
				t.Errorf("at %d: %v", v, err)
			}
		}
		if _, err := at("b", 0); !errors.Is(err, ErrNoSuchVersion) {
			t.Errorf("of nobody: %v", err)
		}
		if _, err := r.host.StateAt(t.Context(), "others", "a", 0); !errors.Is(err, ErrNoSuchStream) {
			t.Errorf("of another stream: %v", err)
		}
		r.store.next(opRead, refused())
		if _, err := at("a", 1); err == nil {
			t.Error("a fault of the store is no error")
		}
		r.startDelete("a", true).wait()
		if _, err := at("a", 1); !errors.Is(err, ErrErased) {
			t.Errorf("of an erased one: %v", err)
		}
	})
	bubble(t, setup{define: stateBased}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		if _, err := r.host.StateAt(t.Context(), testStream, "a", 0); !errors.Is(err, ErrStateBased) {
			t.Errorf("of a state-based one: %v", err)
		}
	})
}

// One stream that cannot be read keeps nobody else of its round trip from being
// loaded; a store that answers nobody is asked a few times.
func TestHydrate_AStreamThatCannotBeRead(t *testing.T) {
	one := func(c *Config) { c.Loaders = 1 }
	for name, c := range map[string]struct {
		bad   func(message.Stream) bool
		loads int
	}{
		"one":  {func(s message.Stream) bool { return s == streamOf("a137") }, 30},
		"two":  {func(s message.Stream) bool { return s == streamOf("a137") || s == streamOf("a400") }, 50},
		"most": {func(s message.Stream) bool { return s != streamOf("a137") && s != streamOf("first") }, 20},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{config: one}, func(t *testing.T, r *rig) {
				release := r.store.stall(opLoad, fate{})
				cold := r.send("first", doAdd, 1)
				synctest.Wait()
				r.store.unreadable = c.bad
				var ps []*pending
				for n := range maxLoad {
					ps = append(ps, r.send(fmt.Sprint("a", n), doAdd, 1))
				}
				synctest.Wait()
				loads := r.store.count(opLoad)
				release()
				at(t, cold.wait(), 0)
				for n, p := range ps {
					got := p.wait()
					switch c.bad(streamOf(fmt.Sprint("a", n))) {
					case true:
						is[message.ServiceUnavailable](t, got)
					case false:
						if name != "most" {
							at(t, got, 0)
						}
					}
				}
				if n := r.store.count(opLoad) - loads; n > c.loads {
					t.Errorf("%d loads", n)
				}
			})
		})
	}
}

// Ten thousand cold aggregates that are wanted at once are few round trips, and few
// of them at a time.
func TestHydrate_TenThousand(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		r.store.disturb(func(op string) (is fate) {
			if op == opLoad {
				is.wait = 10 * time.Millisecond
			}
			return is
		})
		var ps []*pending
		began := time.Now()
		for n := range 10_000 {
			p, _ := r.startRead(fmt.Sprint("a", n))
			ps = append(ps, p)
		}
		for _, p := range ps {
			is[message.NotFound](t, p.wait())
		}
		if n := r.store.count(opLoad); n > 30 {
			t.Errorf("%d round trips, %v", n, time.Since(began))
		}
		if n := r.store.loadsAtOnce; n > DefaultLoaders {
			t.Errorf("%d loads at once", n)
		}
	})
}

// Who waits longest for a load is loaded first, and no more at once than one round trip
// is to have.
func TestHydrate_FirstInFirstOut(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.Loaders = 1 }}, func(t *testing.T, r *rig) {
		var loads [][]store.LoadRequest
		r.store.asked = func(reqs []store.LoadRequest) { loads = append(loads, reqs) }
		release := r.store.stall(opLoad, fate{})
		ps := []*pending{r.send("first", doAdd, 1)}
		synctest.Wait()
		const early = 5
		for n := range early {
			ps = append(ps, r.send(fmt.Sprint("early", n), doAdd, 1))
			synctest.Wait()
		}
		for n := range maxLoad {
			ps = append(ps, r.send(fmt.Sprint("late", n), doAdd, 1))
		}
		release()
		for _, p := range ps {
			at(t, p.wait(), 0)
		}
		if len(loads) != 3 || len(loads[1]) != maxLoad {
			t.Fatalf("%d loads", len(loads))
		}
		for n := range early {
			if want := streamOf(fmt.Sprint("early", n)); loads[1][n].Stream != want {
				t.Errorf("%s is loaded in the place of %s", loads[1][n].Stream, want)
			}
		}
	})
}
