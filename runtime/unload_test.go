package runtime

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

// inMemory reports whether an aggregate is loaded, without touching it.
func (r *rig) inMemory(id string) bool {
	s := &r.host.slots[slotOf(id)]
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.actors[streamOf(id)]
	return a != nil && a.state != nil
}

// leavesAt fails the test unless the aggregate leaves memory that long after
// the start, to the millisecond.
func (r *rig) leavesAt(id string, start time.Time, after time.Duration) {
	r.t.Helper()
	time.Sleep(time.Until(start.Add(after - time.Millisecond)))
	synctest.Wait()
	if !r.inMemory(id) {
		r.t.Fatalf("%s is not in memory a millisecond before %v", id, after)
	}
	time.Sleep(2 * time.Millisecond)
	synctest.Wait()
	if r.inMemory(id) {
		r.t.Fatalf("%s is in memory a millisecond after %v", id, after)
	}
	if n, planned := r.actors(); n != 0 || planned != 0 {
		r.t.Errorf("%d actors and %d plans are left", n, planned)
	}
}

func idleAfter(d time.Duration) func(*Stream) { return func(s *Stream) { s.IdleAfter = d } }

func TestUnload_Idle(t *testing.T) {
	bubble(t, setup{stream: idleAfter(10 * time.Second)}, func(t *testing.T, r *rig) {
		start := time.Now()
		r.add("a", 1)
		time.Sleep(4 * time.Second)
		r.read("a") // reading is use
		time.Sleep(4 * time.Second)
		r.tell("a", doRefuse, 1)
		r.leavesAt("a", start, 18*time.Second)
		if l, u := r.watch.count(&r.watch.loaded), r.watch.count(&r.watch.unloaded); l != 1 || u != 1 {
			t.Errorf("loaded %d times, unloaded %d times", l, u)
		}
		if n, bytes := r.host.Actors(); n != 0 || bytes != 0 {
			t.Errorf("%d actors of %d bytes are counted", n, bytes)
		}
	})
}

// A command that takes longer than the idle time is use to its end.
func TestUnload_IdleFromTheEndOfWork(t *testing.T) {
	bubble(t, setup{stream: idleAfter(10 * time.Second)}, func(t *testing.T, r *rig) {
		start := time.Now()
		release := r.store.stall(opAppend, fate{})
		p := r.send("a", doAdd, 1)
		time.Sleep(25 * time.Second)
		release()
		is[message.OutcomeUnknown](t, p.wait())
		r.leavesAt("a", start, 35*time.Second)
	})
}

// steps of a schedule: the rule's answer at a time.
type ruled struct {
	at   time.Duration
	rule aggregate.Unload
}

func TestUnload_ByRule(t *testing.T) {
	sec := func(n int) time.Duration { return time.Duration(n) * time.Second }
	for name, c := range map[string]struct {
		idle  time.Duration
		steps []ruled
		out   time.Duration // when it leaves
	}{
		"in time":                       {0, []ruled{{0, aggregate.UnloadIn(sec(5))}}, sec(5)},
		"at once":                       {0, []ruled{{0, aggregate.Unload{}}, {sec(3), aggregate.UnloadNow()}}, sec(3)},
		"earlier":                       {0, []ruled{{0, aggregate.UnloadIn(sec(9))}, {sec(1), aggregate.UnloadIn(sec(2))}}, sec(3)},
		"later":                         {0, []ruled{{0, aggregate.UnloadIn(sec(3))}, {sec(1), aggregate.UnloadIn(sec(9))}}, sec(10)},
		"not touched by other commands": {0, []ruled{{0, aggregate.UnloadIn(sec(3))}, {sec(1), aggregate.Unload{}}}, sec(3)},
		"cancelled, then by idle time":  {sec(20), []ruled{{0, aggregate.UnloadIn(sec(3))}, {sec(1), aggregate.UnloadSkip()}}, sec(21)},
		"before idle time":              {sec(4), []ruled{{0, aggregate.UnloadIn(sec(3))}}, sec(3)},
		"behind idle time":              {sec(4), []ruled{{0, aggregate.UnloadIn(sec(9))}}, sec(4)},
		"again and again":               {0, []ruled{{0, aggregate.UnloadIn(sec(2))}, {sec(1), aggregate.UnloadIn(sec(2))}, {sec(2), aggregate.UnloadIn(sec(2))}}, sec(4)},
		"milliseconds":                  {0, []ruled{{0, aggregate.UnloadIn(7 * time.Millisecond)}}, 7 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			var rule aggregate.Unload
			define := func(d *aggregate.Definition[tally]) { d.UnloadWhen(func(tally) aggregate.Unload { return rule }) }
			bubble(t, setup{define: define, stream: idleAfter(c.idle)}, func(t *testing.T, r *rig) {
				start := time.Now()
				for _, s := range c.steps {
					time.Sleep(time.Until(start.Add(s.at)))
					rule = s.rule
					if s.rule == aggregate.UnloadNow() {
						r.add("a", 1)
						synctest.Wait()
						if r.inMemory("a") {
							t.Error("it was not unloaded at once")
						}
						return
					}
					r.add("a", 1)
				}
				r.leavesAt("a", start, c.out)
			})
		})
	}
}

// A time that comes while the actor is busy must not be lost, nor those that
// were planned behind it.
func TestUnload_TimesOfABusyActor(t *testing.T) {
	for name, idle := range map[string]time.Duration{"by rule alone": 0, "with idle time": time.Minute} {
		t.Run(name, func(t *testing.T) {
			rule := aggregate.UnloadIn(time.Second)
			define := func(d *aggregate.Definition[tally]) {
				d.UnloadWhen(func(tally) aggregate.Unload { return rule })
			}
			bubble(t, setup{define: define, stream: idleAfter(idle)}, func(t *testing.T, r *rig) {
				start := time.Now()
				r.add("a", 1) // to leave at 1 s, which is then put off
				rule = aggregate.UnloadIn(20 * time.Second)
				r.add("a", 1)
				rule = aggregate.Unload{}
				time.Sleep(500 * time.Millisecond)
				release := r.store.stall(opAppend, fate{})
				p := r.send("a", doAdd, 1)
				time.Sleep(time.Second)
				release()
				at(t, p.wait(), 2)
				r.leavesAt("a", start, 20*time.Second)
			})
		})
	}
}

func TestUnload_OnEvents(t *testing.T) {
	on := func(s *Stream) { s.UnloadOn = map[string]time.Duration{"told": 3 * time.Second, "other": 0} }
	bubble(t, setup{stream: on}, func(t *testing.T, r *rig) {
		start := time.Now()
		r.add("a", 1)
		r.leavesAt("a", start, 3*time.Second)
	})
}

// What the state says goes before what the events say; a rule that panics says
// nothing, and fails nobody.
func TestUnload_RuleOfTheState(t *testing.T) {
	define := func(d *aggregate.Definition[tally]) {
		d.UnloadWhen(func(s tally) aggregate.Unload {
			switch s.N {
			case 1:
				return aggregate.UnloadIn(time.Second)
			case 2:
				return aggregate.UnloadSkip()
			case 4:
				panic("a rule that panics")
			}
			return aggregate.Unload{}
		})
	}
	on := func(s *Stream) { s.UnloadOn = map[string]time.Duration{"told": 3 * time.Second} }
	for n, after := range map[int]time.Duration{1: time.Second, 3: 3 * time.Second, 4: 3 * time.Second} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			bubble(t, setup{define: define, stream: on}, func(t *testing.T, r *rig) {
				start := time.Now()
				r.add("a", n)
				r.leavesAt("a", start, after)
			})
		})
	}
	t.Run("skip", func(t *testing.T) {
		bubble(t, setup{define: define, stream: on}, func(t *testing.T, r *rig) {
			r.add("a", 1)
			r.add("a", 1)
			time.Sleep(time.Hour)
			synctest.Wait()
			if !r.inMemory("a") {
				t.Error("it left memory although the rule keeps it")
			}
		})
	})
}

// Actors that are not kept leave nothing behind: no entry of the map, no plan.
func TestUnload_NothingIsLeft(t *testing.T) {
	bubble(t, setup{stream: idleAfter(time.Hour)}, func(t *testing.T, r *rig) {
		for n := range 100 {
			id := fmt.Sprint("a", n)
			switch n % 5 {
			case 0:
				r.tell(id, doRefuse, 1) // was never made
			case 1:
				r.add(id, 1)
				r.unload(id)
			case 2:
				r.add(id, 1)
				r.startDelete(id, false).wait()
			case 3:
				p, _ := r.startRead(id)
				p.wait()
			case 4:
				r.tell(id, doInvalid, 1)
			}
		}
		synctest.Wait()
		if n, planned := r.actors(); n != 0 || planned != 0 {
			t.Errorf("%d actors and %d plans are left", n, planned)
		}
		if n, bytes := r.host.Actors(); n != 0 || bytes != 0 {
			t.Errorf("%d actors of %d bytes are counted", n, bytes)
		}
	})
}

// The least recently used leave first, and no plan of theirs stays behind.
func TestUnload_LeastRecentlyUsed(t *testing.T) {
	limit := func(s *Stream) { s.MaxActors, s.IdleAfter = 10, time.Hour }
	bubble(t, setup{stream: limit}, func(t *testing.T, r *rig) {
		for n := range 10 {
			r.add(fmt.Sprint("a", n), 1)
			time.Sleep(time.Millisecond)
		}
		r.read("a0")
		time.Sleep(time.Millisecond)
		r.add("b", 1) // one too many: down to nine
		synctest.Wait()
		for id, want := range map[string]bool{"a0": true, "a1": false, "a2": false, "a3": true, "a9": true, "b": true} {
			if got := r.inMemory(id); got != want {
				t.Errorf("%s in memory: %v", id, got)
			}
		}
		for n := range 1000 {
			r.add(fmt.Sprint("c", n%50), 1)
		}
		synctest.Wait()
		mapped, planned := r.actors()
		if loaded, _ := r.host.Actors(); mapped > 10 || planned > 10 || int(loaded) != mapped {
			t.Errorf("%d actors, %d plans, %d counted", mapped, planned, loaded)
		}
		if s, v := r.read("c7"); s.N != 20 || v != 19 {
			t.Errorf("c7 is %v at version %d", s, v)
		}
	})
}

func TestUnload_MemoryLimit(t *testing.T) {
	limit := func(s *Stream) { s.MemoryLimit = 100_000 }
	bubble(t, setup{stream: limit}, func(t *testing.T, r *rig) {
		for n := range 300 {
			r.tell(fmt.Sprint("a", n), doMany, 20)
		}
		synctest.Wait()
		n, bytes := r.host.Actors()
		if bytes > 100_000 || n == 0 {
			t.Errorf("%d actors of %d bytes", n, bytes)
		}
	})
}

// Actors that are busy when room is made are unloaded when they are not any more.
func TestUnload_CrowdThatWasBusy(t *testing.T) {
	limit := func(s *Stream) { s.MaxActors = 5 }
	bubble(t, setup{stream: limit, config: func(c *Config) { c.Writers = 1 }}, func(t *testing.T, r *rig) {
		release := r.store.stall(opAppend, fate{})
		var ps []*pending
		for n := range 50 {
			ps = append(ps, r.send(fmt.Sprint("a", n), doAdd, 1))
		}
		synctest.Wait()
		if n, _ := r.host.Actors(); n != 50 {
			t.Errorf("%d actors are loaded while all are busy", n)
		}
		release()
		for _, p := range ps {
			at(t, p.wait(), 0)
		}
		synctest.Wait()
		if n, _ := r.host.Actors(); n > 5 {
			t.Errorf("%d actors stay", n)
		}
	})
}

// Unloading on request waits for what the actor has begun.
func TestUnload_OnRequest(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		if r.unload("a") {
			t.Error("what was never there was unloaded")
		}
		r.add("a", 1)
		release := r.store.stall(opAppend, fate{})
		write, out := r.send("a", doAdd, 2), r.startUnload("a")
		synctest.Wait()
		out.open()
		release()
		at(t, write.wait(), 1)
		if got := string(accepted(t, out.wait()).Value.JSON); got != "true" {
			t.Errorf("answered %s", got)
		}
		synctest.Wait()
		if r.inMemory("a") {
			t.Error("it is still there")
		}
		if s, v := r.read("a"); s.N != 3 || v != 1 {
			t.Errorf("state %v at version %d", s, v)
		}
	})
}

// A Before step that runs keeps its actor, however the rules are.
func TestUnload_WhileABeforeStepRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		r := newRig(t, setup{
			stream: idleAfter(time.Second),
			before: func(context.Context, *message.Message, tell) error { <-gate; return nil },
		})
		p := r.send("a", doAdd, 1)
		time.Sleep(time.Minute)
		close(gate)
		at(t, p.wait(), 0)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n, planned := r.actors(); n != 0 || planned != 0 {
			t.Errorf("%d actors and %d plans are left", n, planned)
		}
	})
}
