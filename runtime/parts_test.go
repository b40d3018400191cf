package runtime

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// poison sends commands that share a batch. The store meets each append with the bad
// one of them, or each at all, as it is said. It returns the other commands.
func poison(t *testing.T, r *rig, meets fate, all bool) (bad *pending, others []*pending) {
	t.Helper()
	const many = 40
	for n := range many {
		r.add(fmt.Sprint("a", n), 1)
	}
	release := r.store.stall(opAppend, fate{})
	first := r.send("first", doAdd, 1)
	synctest.Wait()
	m := r.message("a7", doAdd, 1)
	for n := range many {
		if n == 7 {
			bad = r.start(t.Context(), m)
		} else {
			others = append(others, r.send(fmt.Sprint("a", n), doAdd, 1))
		}
	}
	synctest.Wait()
	r.store.mu.Lock()
	r.store.judge = func(a *store.Append) fate {
		for i := range a.Events {
			if all || a.Events[i].MessageID == m.ID {
				return meets
			}
		}
		return fate{}
	}
	r.store.mu.Unlock()
	release()
	at(t, first.wait(), 0)
	return bad, others
}

// A row that the store refuses, or that costs the connection each time, fails alone.
func TestParts_ABadOneFailsAlone(t *testing.T) {
	for name, is := range map[string]fate{
		"refused": {err: errors.New("violates a check constraint")},
		"unknown": lost(false),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{config: func(c *Config) { c.Writers = 1 }}, func(t *testing.T, r *rig) {
				began, before := time.Now(), r.store.count(opAppend)
				bad, others := poison(t, r, is, false)
				refusedAs(t, bad)
				for _, p := range others {
					at(t, p.wait(), 1)
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("it took %v", took)
				}
				t.Logf("%d appends", r.store.count(opAppend)-before)
				r.store.judge = nil
			})
		})
	}
}

// A store that takes nothing is not asked for each command.
func TestParts_AnOutageCostsFewAppends(t *testing.T) {
	for name, is := range map[string]fate{"refused": {err: errors.New("the disk is full")}, "unknown": lost(false)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{config: func(c *Config) { c.Writers = 1 }}, func(t *testing.T, r *rig) {
				bad, others := poison(t, r, is, true)
				before := r.store.count(opAppend)
				refusedAs(t, bad)
				for _, p := range others {
					refusedAs(t, p)
				}
				if n := r.store.count(opAppend) - before; n > 30 {
					t.Errorf("%d appends for %d commands", n, len(others)+1)
				}
				r.store.judge = nil
				at(t, r.tell("a0", doAdd, 1), 1)
			})
		})
	}
}

// An append that loses its connection each time is not tried without a pause, nor for
// ever, and its neighbours wait for it no longer than that.
func TestParts_AlwaysUnknown(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.Writers = 1 }}, func(t *testing.T, r *rig) {
		r.add("b", 1)
		r.store.judge = func(a *store.Append) fate {
			if a.Events[0].Stream == streamOf("a") {
				return lost(false)
			}
			return fate{}
		}
		before := r.store.count(opAppend)
		bad := r.send("a", doAdd, 1)
		synctest.Wait()
		neighbour := r.send("b", doAdd, 1)
		refusedAs(t, bad)
		at(t, neighbour.wait(), 1)
		if n := r.store.count(opAppend) - before; n != doubtsAlone+1 {
			t.Errorf("%d appends", n)
		}
		r.store.judge = nil
	})
}

func refusedAs(t *testing.T, p *pending) { t.Helper(); is[message.ServiceUnavailable](t, p.wait()) }
