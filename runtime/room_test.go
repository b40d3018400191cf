package runtime

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// A slot with thousands of commits pending delays those of another by about an append.
func TestLanes_AHotSlotIsServedInTurns(t *testing.T) {
	small := func(c *Config) { c.Writers, c.BatchCommands = 1, 64 }
	many := func(s *Stream) { s.Mailbox = 5000 }
	bubble(t, setup{config: small, stream: many}, func(t *testing.T, r *rig) {
		hot := idsIn(1, 4)
		quiet := idsIn(2, 3)
		for _, id := range append(hot, quiet...) {
			r.add(id, 1)
		}
		r.store.judge = func(*store.Append) fate { return fate{wait: 10 * time.Millisecond} }
		var ps []*pending
		for range 900 {
			for _, id := range hot {
				ps = append(ps, r.send(id, doAdd, 1))
			}
		}
		time.Sleep(25 * time.Millisecond) // in the middle of an append
		for _, id := range quiet {
			began := time.Now()
			at(t, r.tell(id, doAdd, 1), 1)
			if took := time.Since(began); took > 30*time.Millisecond {
				t.Errorf("%s took %v behind a hot slot", id, took)
			}
		}
		for i, p := range ps {
			at(t, p.wait(), message.Version(i/len(hot)+1))
		}
		r.store.judge = nil
	})
}

func TestLanes_Take(t *testing.T) {
	l := &lanes{all: make([]lane, 4)}
	seq := uint64(0)
	push := func(lane, n int, weight int64) {
		for range n {
			seq++
			l.push(lane, &commit{seq: seq, slot: 0, weight: weight})
		}
	}
	push(1, 50, 1)
	push(3, 2, 1)
	if !l.before(1) || l.before(0) {
		t.Error("it does not know what is pending")
	}
	batch := l.take(nil, 1000, 20) // by bytes
	if len(batch) != 20 || batch[16].seq != 51 || batch[18].seq != 17 || l.count != 32 {
		t.Errorf("took %d, %d are left", len(batch), l.count)
	}
	push(2, 1, 100)
	batch = l.take(nil, 1000, 50)
	if len(batch) != 16 || batch[0].seq != 19 && batch[0].seq != 53 {
		t.Errorf("took %d from %d on", len(batch), batch[0].seq)
	}
	batch = l.take(nil, 1000, 50)
	if len(batch) != 1 || batch[0].weight != 100 {
		t.Errorf("what is too large for an append goes alone, not %d", len(batch))
	}
	if batch = l.take(nil, 7, 1<<20); len(batch) != 7 || l.count != 9 {
		t.Errorf("took %d, %d are left", len(batch), l.count)
	}
	batch = l.take(nil, 1000, 1<<20)
	for i := range l.all {
		if l.all[i].head != nil || l.all[i].tail != nil {
			t.Errorf("lane %d keeps what it gave", i)
		}
	}
	if len(batch) != 9 || l.count != 0 || l.head != nil || l.tail != nil || l.before(1<<60) {
		t.Errorf("took %d, %d are left", len(batch), l.count)
	}
}

// What is decided and not durable is bounded; what does not fit waits in the
// mailboxes, and goes on when there is room.
func TestRoom_IsBounded(t *testing.T) {
	const limit = 40_000
	config := func(c *Config) { c.Writers, c.PendingBytes = 1, limit }
	for name, define := range kinds {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{define: define, config: config, stream: func(s *Stream) { s.Mailbox = 30 }}, func(t *testing.T, r *rig) {
				for n := range 20 {
					r.add(fmt.Sprint("a", n), 1)
				}
				c := r.host.committers[0]
				release := r.store.stall(opAppend, fate{})
				ps := map[string][]*pending{}
				full := 0
				for range 40 {
					for n := range 20 {
						id := fmt.Sprint("a", n)
						ps[id] = append(ps[id], r.send(id, doAdd, 1), r.send(id, doLook, 0))
					}
				}
				gone := r.startDelete("a0", false)
				synctest.Wait()
				if got := c.bytes.Load(); got > limit+20*4096 || got < limit/2 {
					t.Errorf("%d bytes are decided", got)
				}
				parked := len(c.parked)
				if parked == 0 || r.host.Waiting() == 0 {
					t.Errorf("%d actors are parked, %d commands wait", parked, r.host.Waiting())
				}
				release()
				for id, mine := range ps {
					v := message.Version(0)
					for i, p := range mine {
						switch got := p.wait().(type) {
						case message.MailboxFull:
							full++
						case message.OK:
							if i%2 == 0 {
								v++
							}
							if got.Version != v {
								t.Errorf("%s: answered %d, want %d", id, got.Version, v)
							}
						default:
							t.Errorf("%s: answered %#v", id, got)
						}
					}
				}
				gone.wait()
				synctest.Wait()
				if full == 0 {
					t.Error("no mailbox was full")
				}
				if n := c.bytes.Load(); n != 0 || len(c.parked) != 0 || c.waiting.Load() != 0 {
					t.Errorf("%d bytes and %d actors are left", n, len(c.parked))
				}
			})
		})
	}
}

// What came back from the committer, and is answered without being decided again,
// counts once.
func TestRoom_IsGivenBackOnce(t *testing.T) {
	one := func(c *Config) { c.Writers = 1 }
	t.Run("a load that fails", func(t *testing.T) {
		bubble(t, setup{config: one}, func(t *testing.T, r *rig) {
			r.add("a", 1)
			release := r.store.stall(opAppend, refused())
			ps := []*pending{r.send("a", doAdd, 1)}
			synctest.Wait()
			for range 20 {
				ps = append(ps, r.send("a", doAdd, 1))
			}
			for range 40 {
				r.store.next(opLoad, refused())
			}
			release()
			for _, p := range ps {
				is[message.ServiceUnavailable](t, p.wait())
			}
			r.store.heal()
		})
	})
	t.Run("an overtaken first attempt", func(t *testing.T) {
		bubble(t, setup{config: one}, func(t *testing.T, r *rig) {
			m := r.message("a", doAdd, 1)
			for range 12 {
				r.add("a", 1)
			}
			at(t, r.start(context.Background(), m).wait(), 12)
			again := r.messageWith(m.ID, "a", doAdd, 1)
			again.FirstAttempt = true
			at(t, r.start(context.Background(), again).wait(), 12)
		})
	})
}

// Failures, refusals and what is larger than all the room give it back too.
func TestRoom_IsGivenBack(t *testing.T) {
	booms := new(atomic.Bool)
	booms.Store(true)
	config := func(c *Config) { c.Writers, c.PendingBytes = 1, 1 }
	bubble(t, setup{booms: booms, config: config}, func(t *testing.T, r *rig) {
		for round := range 3 {
			if round == 1 {
				r.store.next(opAppend, fate{}, refused(), lost(true), late(), refused())
				r.store.next(opLoad, fate{}, refused(), fate{}, refused(), refused())
			}
			var ps []*pending
			for n, do := range []string{doAdd, doRefuse, doLook, doBoom, doPanic, doInvalid, doMany, doBadEvent, doAdd} {
				ps = append(ps, r.send(fmt.Sprint("a", n%3), do, 2))
			}
			for n := range 3 {
				p, _ := r.startRead(fmt.Sprint("a", n))
				ps = append(ps, p, r.startDelete(fmt.Sprint("a", n), false), r.startUnload(fmt.Sprint("a", n)))
			}
			for _, p := range ps {
				p.wait()
			}
			synctest.Wait()
			if n := r.host.committers[0].bytes.Load(); n != 0 {
				t.Errorf("%d bytes are left", n)
			}
			r.store.heal()
		}
	})
}

// What needs much room, or more than there is, is not starved by what needs little.
func TestRoom_FirstInFirstOut(t *testing.T) {
	for name, c := range map[string]struct {
		size, callers int
		pause         time.Duration
	}{
		"much": {30_000, 120, 0}, "more than there is": {45_000, 10, 37 * time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{config: func(c *Config) { c.Writers, c.PendingBytes = 1, 40_000 }}, func(t *testing.T, r *rig) {
				appends := 0
				r.store.disturb(func(op string) (is fate) {
					if op == opAppend {
						appends++
						is.wait = time.Duration(500+appends%7*100) * time.Microsecond
					}
					return is
				})
				over := make(chan struct{})
				var small sync.WaitGroup
				for n := range c.callers {
					small.Go(func() {
						for id := fmt.Sprint("s", n); ; {
							select {
							case <-over:
								return
							default:
								r.tell(id, doAdd, 1)
							}
							time.Sleep(time.Duration(n) * c.pause)
						}
					})
				}
				time.Sleep(20 * time.Millisecond)
				m := r.message("big", doAdd, 1)
				raw, err := message.JSONBody([]byte(`{"id":"big","n":1,"do":"` + doAdd + `","pad":"` + strings.Repeat("x", c.size) + `"}`))
				if err != nil {
					t.Fatal(err)
				}
				m.Raw = raw
				began := time.Now()
				at(t, r.start(within(t, 5*time.Second), m).wait(), 0)
				if took := time.Since(began); took > 100*time.Millisecond {
					t.Errorf("it took %v", took)
				}
				close(over)
				small.Wait()
				r.store.heal()
			})
		})
	}
}

// The messages that a state row holds are counted where they are.
func TestRoom_CountsWhatARowKeeps(t *testing.T) {
	bubble(t, setup{define: stateBased, config: func(c *Config) { c.Writers = 1 }}, func(t *testing.T, r *rig) {
		for range recentOfState + 5 {
			m := r.message("a", doAdd, 1)
			raw, err := message.JSONBody([]byte(`{"id":"a","n":1,"do":"` + doAdd + `","pad":"` + strings.Repeat("x", 10_000) + `"}`))
			if err != nil {
				t.Fatal(err)
			}
			m.Raw = raw
			accepted(t, r.start(context.Background(), m).wait())
		}
		look := func() {
			t.Helper()
			counted, kept := int64(0), int64(0)
			r.store.judge = func(a *store.Append) fate {
				counted = r.host.committers[0].bytes.Load()
				kept = int64(len(store.EncodeRecent(a.States[0].Recent)))
				return fate{}
			}
			r.add("a", 1)
			_, size := r.host.Actors()
			if counted < kept*2/3 || counted > 2*kept || size < kept*2/3 {
				t.Errorf("a row with %d bytes of messages counts %d, its aggregate %d", kept, counted, size)
			}
			r.store.judge = nil
		}
		look()
		r.unload("a")
		look()
	})
}

// Reading takes no room.
func TestRoom_ReadsNeedNone(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.Writers, c.PendingBytes = 1, 1 }}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		release := r.store.stall(opAppend, fate{})
		write := r.send("b", doAdd, 1)
		synctest.Wait()
		if s, v := r.read("a"); s.N != 1 || v != 0 {
			t.Errorf("state %v at version %d", s, v)
		}
		release()
		at(t, write.wait(), 0)
	})
}

// A host that stops lets parked actors end.
func TestRoom_Stop(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.Writers, c.PendingBytes = 1, 1 }}, func(t *testing.T, r *rig) {
		release := r.store.stall(opAppend, fate{})
		first := r.send("a", doAdd, 1)
		synctest.Wait()
		second := r.send("b", doAdd, 1)
		synctest.Wait()
		go r.host.Stop()
		is[message.ServiceUnavailable](t, second.wait())
		release()
		at(t, first.wait(), 0)
		r.host.Stop()
	})
}

// A store call that does not end does not keep Stop for ever, and nobody is told
// more than is known.
func TestStop_IsBounded(t *testing.T) {
	for name, heeds := range map[string]bool{"a store that heeds its context": true, "a store that does not": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newFaulty(t)
				gate := make(chan struct{})
				// Longer than stopping takes: it is Stop that answers, not the commit timeout.
				long := func(b *handler.Binding) { b.CommitTimeout = time.Hour }
				r := newRig(t, setup{store: st, hangs: true, binding: long, config: func(c *Config) {
					c.Store = &hanging{faulty: st, gate: gate, heeds: heeds}
					c.StopTimeout, c.Writers = 3*time.Second, 1
				}})
				write := r.send("a", doAdd, 1)
				synctest.Wait()
				behind := r.send("a", doAdd, 1)
				synctest.Wait()
				began := time.Now()
				r.host.Stop()
				most := 3 * time.Second
				if !heeds {
					most += stopGrace
				}
				if took := time.Since(began); took < 3*time.Second || took > most+100*time.Millisecond {
					t.Errorf("it took %v", took)
				}
				is[message.OutcomeUnknown](t, write.wait())
				switch got := behind.wait().(type) {
				case message.ServiceUnavailable, message.OutcomeUnknown:
				default:
					t.Errorf("answered %#v", got)
				}
				close(gate)
				synctest.Wait()
			})
		})
	}
}

// hanging is a store whose appends do not return.
type hanging struct {
	*faulty
	gate  chan struct{}
	heeds bool
}

func (h *hanging) Writer(ctx context.Context, m store.MemberID, w store.WriterID) (store.Writer, error) {
	inner, err := h.faulty.Writer(ctx, m, w)
	return &hangingWriter{inner, h}, err
}

type hangingWriter struct {
	store.Writer
	h *hanging
}

func (w *hangingWriter) Raise(ctx context.Context, g store.Generation) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return w.Writer.Raise(ctx, g)
}

func (w *hangingWriter) Append(ctx context.Context, _ *store.Append) error {
	if !w.h.heeds {
		ctx = context.Background()
	}
	select {
	case <-w.h.gate:
	case <-ctx.Done():
	}
	return &store.UnknownOutcomeError{Err: errReset}
}

// An idle committer does not look at the clock.
func TestWatch_TicksOnlyWhileSomethingIsPending(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.Writers = 1 }}, func(t *testing.T, r *rig) {
		watching := func() bool {
			c := r.host.committers[0]
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.watching
		}
		r.add("a", 1)
		time.Sleep(2 * commitTick)
		if synctest.Wait(); watching() {
			t.Error("it watches nothing")
		}
		release := r.store.stall(opAppend, fate{})
		p := r.send("a", doAdd, 1)
		time.Sleep(2 * commitTick)
		if synctest.Wait(); !watching() {
			t.Error("it does not watch what is pending")
		}
		release()
		at(t, p.wait(), 1)
	})
}

// What validation left on a message of a decision that was taken back is gone when
// it is decided anew.
func TestPipeline_ARefusalThatWasTakenBack(t *testing.T) {
	for _, do := range []string{"first", "second"} {
		t.Run(do, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := aggregate.New[tally](testStream)
				ev := aggregate.Event(d, "told", func(s *tally, e told) { s.N += e.N })
				check := func(_ tell, _ *aggregate.Message[tally], s tally) (v aggregate.Violations) {
					v.Require(s.N < 100, "n", "is enough")
					return v
				}
				aggregate.Command(d, "tell", check, func(m *aggregate.Message[tally], s tally, c tell) aggregate.Decision[tally] {
					return m.Emit(ev(told{N: c.N})).OK(s.N)
				})
				r := newRig(t, setup{})
				r.host.hosted[testStream].core = d.Core()
				r.bind.Core, r.bind.Command = d.Core(), d.Core().Command("tell")
				r.add("a", 1)
				then := fate{}
				if do == "first" {
					then = refused()
				}
				stall := r.store.stall(opAppend, then)
				first, second := r.send("a", doAdd, 200), r.send("a", doAdd, 1)
				synctest.Wait()
				stall()
				if do == "first" {
					is[message.ServiceUnavailable](t, first.wait())
					at(t, second.wait(), 1)
					return
				}
				at(t, first.wait(), 1)
				is[message.ValidationError](t, second.wait())
			})
		})
	}
}

// Room that was given back before its actor is parked is not waited for: nobody would
// come to hand it over.
func TestRoom_ParkingLooksAgain(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.Writers = 1 }}, func(t *testing.T, r *rig) {
		c, a := r.host.committers[0], &actor{}
		if c.park(a, 100) {
			t.Fatal("it waits for room that is there")
		}
		if n := c.bytes.Load(); n != 100 || a.room != 100 || c.waiting.Load() != 0 {
			t.Errorf("%d bytes are taken, it has %d, %d wait", n, a.room, c.waiting.Load())
		}
		c.vacate(a)
	})
}

// Room that is given back is handed to as many as fit.
func TestRoom_IsHandedToAllWhoFit(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.Writers, c.PendingBytes = 1, 40_000 }}, func(t *testing.T, r *rig) {
		for _, id := range []string{"a", "b", "c"} {
			r.add(id, 1)
		}
		full := r.store.stall(opAppend, fate{})
		m := r.message("big", doAdd, 1)
		raw, err := message.JSONBody([]byte(`{"id":"big","n":1,"do":"` + doAdd + `","pad":"` + strings.Repeat("x", 45_000) + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		m.Raw = raw
		big := r.start(t.Context(), m)
		synctest.Wait()
		next := r.store.stall(opAppend, fate{})
		ps := []*pending{r.send("a", doAdd, 1), r.send("b", doAdd, 1), r.send("c", doAdd, 1)}
		synctest.Wait()
		if n := r.host.Waiting(); n != 3 {
			t.Errorf("%d wait for room", n)
		}
		full()
		at(t, big.wait(), 0)
		synctest.Wait()
		if n := r.host.Waiting(); n != 0 {
			t.Errorf("%d wait for room that is there", n)
		}
		next()
		for _, p := range ps {
			at(t, p.wait(), 1)
		}
	})
}
