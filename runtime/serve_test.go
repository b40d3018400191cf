package runtime

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

// Commands of one aggregate run in the order in which they were sent, however
// they come: behind a load, behind commits, with steps before them.
func TestServe_InOrder(t *testing.T) {
	slow := func(_ context.Context, m *message.Message, c tell) error {
		time.Sleep(time.Duration(c.N%7) * time.Millisecond)
		m.Assign("waited", c.N)
		return nil
	}
	for name, before := range map[string]func(context.Context, *message.Message, tell) error{"at once": nil, "with steps before": slow} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{before: before}, func(t *testing.T, r *rig) {
				var ps []*pending
				for n := range 300 {
					if n%50 == 20 {
						ps = append(ps, r.startUnload("a"))
						continue
					}
					ps = append(ps, r.send("a", doAdd, n))
				}
				v := message.NoVersion
				for n, p := range ps {
					got := accepted(t, p.wait())
					if n%50 == 20 {
						continue
					}
					if v++; got.Version != v {
						t.Fatalf("command %d is version %d, want %d", n, got.Version, v)
					}
				}
				synctest.Wait()
				if n, planned := r.actors(); n != 1 || planned != 0 {
					t.Errorf("%d actors, %d plans", n, planned)
				}
			})
		})
	}
}

func TestServe_MailboxLimit(t *testing.T) {
	bubble(t, setup{stream: func(s *Stream) { s.Mailbox = 3 }}, func(t *testing.T, r *rig) {
		release := r.store.stall(opLoad, fate{})
		ps := []*pending{r.send("a", doAdd, 1)}
		synctest.Wait()
		for range 3 {
			ps = append(ps, r.send("a", doAdd, 1))
		}
		for _, p := range []*pending{r.send("a", doAdd, 1), r.startDelete("a", false), r.startUnload("a")} {
			if full := is[message.MailboxFull](t, p.wait()); full.Limit != 3 || full.ID != "a" || full.Stream != testStream {
				t.Errorf("answered %#v", full)
			}
		}
		if n := r.host.Waiting(); n != 3 {
			t.Errorf("%d wait", n)
		}
		r.add("b", 1)
		release()
		for v, p := range ps {
			at(t, p.wait(), message.Version(v))
		}
		at(t, r.tell("a", doAdd, 1), 4)
	})
}

// What is past its deadline is never started, wherever it waited.
func TestServe_Late(t *testing.T) {
	t.Run("behind a commit", func(t *testing.T) {
		bubble(t, setup{config: blocking}, func(t *testing.T, r *rig) {
			r.add("a", 1)
			release := r.store.stall(opAppend, fate{})
			r.send("a", doAdd, 1)
			late := r.start(within(t, time.Second), r.message("a", doAdd, 1))
			intime := r.start(within(t, time.Hour), r.message("a", doAdd, 1))
			time.Sleep(2 * time.Second)
			release()
			is[message.ServiceTimeout](t, late.wait())
			at(t, intime.wait(), 2)
		})
	})
	t.Run("behind a lookup", func(t *testing.T) {
		bubble(t, setup{}, func(t *testing.T, r *rig) {
			r.grow("a", 20)
			r.add("a", 1)
			r.tell("a", doMany, 9)
			r.startDelete("a", false).wait() // memory proves no id new any more
			r.add("a", 1)
			release := r.store.stall(opLoad, fate{})
			late := r.start(within(t, time.Second), r.message("a", doAdd, 1))
			time.Sleep(2 * time.Second)
			release()
			is[message.ServiceTimeout](t, late.wait())
			if s, _ := r.read("a"); s.N != 1 {
				t.Errorf("state %v", s)
			}
		})
	})
	t.Run("behind its step", func(t *testing.T) {
		slow := func(context.Context, *message.Message, tell) error { time.Sleep(10 * time.Second); return nil }
		bubble(t, setup{before: slow}, func(t *testing.T, r *rig) {
			is[message.ServiceTimeout](t, r.start(within(t, time.Second), r.message("a", doAdd, 1)).wait())
			if len(r.events("a")) != 0 {
				t.Error("it ran")
			}
		})
	})
	t.Run("not once it has started", func(t *testing.T) {
		bubble(t, setup{}, func(t *testing.T, r *rig) {
			release := r.store.stall(opAppend, fate{})
			p := r.start(within(t, time.Second), r.message("a", doAdd, 1))
			time.Sleep(3 * time.Second)
			release()
			at(t, p.wait(), 0)
		})
	})
}

func TestServe_NoSuchStream(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		m := r.about("$read", "a")
		m.Aggregate.Stream = "others"
		p := r.pending(m)
		r.host.Unload(t.Context(), m, p.reply)
		if none := is[message.ServiceUnavailable](t, p.wait()); !none.NoSuchService {
			t.Errorf("answered %#v", none)
		}
	})
}

// A request whose reading panics is answered, and nothing else happens.
func TestServe_ReadingPanics(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		broken := *r.bind
		broken.Command = new(aggregate.CommandCore) // reads nothing: it was never registered
		m := r.message("a", doAdd, 1)
		p := r.pending(m)
		r.host.Serve(t.Context(), &broken, m, p.reply)
		is[message.Crashed](t, p.wait())
		r.add("a", 1)
	})
}

func TestServe_Before(t *testing.T) {
	t.Run("an error answers", func(t *testing.T) {
		bubble(t, setup{before: func(_ context.Context, _ *message.Message, c tell) error {
			switch c.N {
			case 1:
				return aggregate.Refuse("no")
			case 2:
				panic("a step that panics")
			}
			return errors.New("what it says")
		}}, func(t *testing.T, r *rig) {
			if got := is[message.DomainError](t, r.tell("a", doAdd, 1)); got.Code != "no" {
				t.Errorf("answered %#v", got)
			}
			is[message.Crashed](t, r.tell("a", doAdd, 2))
			is[message.Crashed](t, r.tell("a", doAdd, 3))
			synctest.Wait()
			if n, _ := r.actors(); n != 0 {
				t.Errorf("%d actors are left", n)
			}
		})
	})
	t.Run("a repeat gets its first answer", func(t *testing.T) {
		for name, define := range kinds {
			t.Run(name, func(t *testing.T) {
				used := map[message.ID]bool{}
				var mu sync.Mutex
				once := func(_ context.Context, m *message.Message, _ tell) error {
					mu.Lock()
					defer mu.Unlock()
					if used[m.ID] {
						return aggregate.Refuse("used")
					}
					used[m.ID] = true
					return nil
				}
				bubble(t, setup{before: once, define: define}, func(t *testing.T, r *rig) {
					m := r.message("a", doAdd, 1)
					at(t, r.start(t.Context(), m).wait(), 0)
					at(t, r.again(m.ID, "a", doAdd, 1), 0)
					r.unload("a")
					at(t, r.again(m.ID, "a", doAdd, 1), 0)
					if got := is[message.DomainError](t, r.again(m.ID, "b", doAdd, 1)); got.Code != "used" {
						t.Errorf("answered %#v", got)
					}
				})
			})
		}
	})
	t.Run("ends with the host", func(t *testing.T) {
		ended := make(chan struct{}, 1)
		bubble(t, setup{before: func(ctx context.Context, _ *message.Message, _ tell) error {
			<-ctx.Done()
			ended <- struct{}{}
			return ctx.Err()
		}}, func(t *testing.T, r *rig) {
			p := r.send("a", doAdd, 1)
			synctest.Wait()
			p.open()
			r.host.Stop()
			is[message.ServiceUnavailable](t, p.wait())
			<-ended
		})
	})
	t.Run("keeps its place until it is done", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gate := make(chan struct{})
			r := newRig(t, setup{before: func(_ context.Context, _ *message.Message, c tell) error {
				if c.N == 2 {
					<-gate
				}
				return nil
			}})
			first, second, third := r.send("a", doAdd, 1), r.send("a", doAdd, 2), r.send("a", doAdd, 3)
			at(t, first.wait(), 0)
			reading, _ := r.startRead("a")
			synctest.Wait()
			for _, p := range []*pending{second, third, reading} {
				p.open()
			}
			close(gate)
			at(t, second.wait(), 1)
			at(t, third.wait(), 2)
			at(t, reading.wait(), 2)
		})
	})
	t.Run("works on its message alone", func(t *testing.T) {
		gate := make(chan struct{})
		synctest.Test(t, func(t *testing.T) {
			gate = make(chan struct{})
			r := newRig(t, setup{before: func(_ context.Context, m *message.Message, _ tell) error {
				m.Assign("key", 1)
				<-gate
				m.Assign("key", 2)
				return nil
			}})
			m := r.message("a", doAdd, 1)
			p := r.start(t.Context(), m)
			synctest.Wait()
			if err := r.host.Release(t.Context(), []ring.Slot{slotOf("a")}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			p.open() // the step has the message
			close(gate)
			is[message.ServiceUnavailable](t, p.wait())
			m.Assign("key", 3) // for the next node
			if len(r.events("a")) != 0 {
				t.Error("it ran in a slot that was given up")
			}
		})
	})
	t.Run("works on its message beyond its deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gate := make(chan struct{})
			r := newRig(t, setup{before: func(_ context.Context, m *message.Message, c tell) error {
				if c.N == 2 {
					<-gate
					m.Assign("key", 1)
				}
				return nil
			}})
			release := r.store.stall(opAppend, fate{})
			first := r.send("a", doAdd, 1)
			synctest.Wait()
			second := r.start(within(t, 50*time.Millisecond), r.message("a", doAdd, 2))
			time.Sleep(2 * time.Second)
			second.open()
			close(gate)
			time.Sleep(2 * time.Second)
			is[message.ServiceTimeout](t, second.wait())
			release()
			at(t, first.wait(), 0)
		})
	})
	t.Run("slot is served again meanwhile", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gate := make(chan struct{})
			var first atomic.Bool
			r := newRig(t, setup{before: func(context.Context, *message.Message, tell) error {
				if first.CompareAndSwap(false, true) {
					<-gate
				}
				return nil
			}})
			p := r.send("a", doAdd, 1)
			synctest.Wait()
			mine := []ring.Slot{slotOf("a")}
			if err := r.host.Release(t.Context(), mine); err != nil {
				t.Fatal(err)
			}
			if _, err := r.host.Acquire(t.Context(), mine); err != nil {
				t.Fatal(err)
			}
			at(t, r.tell("a", doAdd, 2), 0)
			close(gate)
			is[message.ServiceUnavailable](t, p.wait())
			if s, _ := r.read("a"); s.N != 2 {
				t.Errorf("state %v", s)
			}
		})
	})
}

// Callers may serve from within a reply.
func TestServe_FromAReply(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		last := make(chan message.Response, 1)
		var next func(n int) func(message.Response)
		next = func(n int) func(message.Response) {
			return func(got message.Response) {
				if n == 100 {
					last <- got
					return
				}
				r.host.Serve(context.Background(), r.bind, r.message(fmt.Sprint("a", n%3), doAdd, 1), next(n+1))
			}
		}
		next(0)(nil)
		at(t, <-last, 33)
	})
}

func TestServe_ObserverHearsOfAll(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		r.tell("a", doRefuse, 1)
		r.tell("a", doMany, 5)
		r.unload("a")
		w := r.watch
		for name, c := range map[string]struct{ got, want int }{
			"loaded": {w.count(&w.loaded), 1}, "unloaded": {w.count(&w.unloaded), 1}, "handled": {w.count(&w.handled), 3},
			"events": {w.count(&w.wrote), 6}, "timeouts": {w.count(&w.timeouts), 0},
		} {
			if c.got != c.want {
				t.Errorf("%s: %d, want %d", name, c.got, c.want)
			}
		}
	})
}
