package runtime

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

func (r *rig) release(slots ...ring.Slot) {
	r.t.Helper()
	if err := r.host.Release(context.Background(), slots); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) acquire(slots ...ring.Slot) {
	r.t.Helper()
	if n, err := r.host.Acquire(context.Background(), slots); err != nil || n != len(slots) {
		r.t.Fatalf("acquired %d of %d slots: %v", n, len(slots), err)
	}
}

// idsIn returns ids whose aggregates are in a slot.
func idsIn(s ring.Slot, n int) (ids []string) {
	for i := 0; len(ids) < n; i++ {
		if id := fmt.Sprint("id", i); slotOf(id) == s {
			ids = append(ids, id)
		}
	}
	return ids
}

// pair returns two hosts over one store; the second has no slot.
func pair(t *testing.T, s setup) (a, b *rig) {
	t.Helper()
	a = newRig(t, s)
	s.store, s.member = a.store, "m2"
	s.unowned = true
	return a, newRig(t, s)
}

func TestSlots_HandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, setup{config: blocking})
		a.add("a", 1)
		is[message.ServiceUnavailable](t, b.tell("a", doAdd, 1))
		mine := slotOf("a")
		if n, err := b.host.Acquire(t.Context(), ringSlots(mine)); err != nil || n != 0 {
			t.Errorf("took %d slots that are another's: %v", n, err)
		}
		stall := a.store.stall(opAppend, fate{})
		write, behind := a.send("a", doAdd, 2), a.send("a", doAdd, 4)
		synctest.Wait()
		var released sync.WaitGroup
		released.Go(func() { a.release(mine) })
		is[message.ServiceUnavailable](t, behind.wait()) // it was not begun
		is[message.ServiceUnavailable](t, a.tell("a", doLook, 1))
		write.open()
		stall()
		at(t, write.wait(), 1) // it was
		released.Wait()
		b.acquire(mine)
		if got := string(accepted(t, b.tell("a", doAdd, 8)).Value.JSON); got != `{"n":3,"told":2}` {
			t.Errorf("the next one found %s", got)
		}
		b.release(mine)
		a.acquire(mine)
		if s, v := a.read("a"); s.N != 11 || v != 2 {
			t.Errorf("back again it is %v at version %d", s, v)
		}
		if ea, eb := a.host.Epoch(mine), b.host.Epoch(mine); ea != 3 || eb != 0 {
			t.Errorf("epochs %d and %d", ea, eb)
		}
		if n := a.host.Owned() + b.host.Owned(); n != testSlots {
			t.Errorf("%d slots are owned", n)
		}
	})
}

// An actor that is in a turn when its slot goes and comes back must not serve the
// slot's next term with what it remembers of the last.
func TestSlots_TurnsThatOutliveATerm(t *testing.T) {
	gate := make(chan struct{})
	saved := func(d *aggregate.Definition[tally]) {
		d.OnSaved(func(_ context.Context, _ message.AggregateID, s tally, _ message.Version) {
			if s.N == 3 {
				<-gate
			}
		})
	}
	for name, c := range map[string]struct {
		define func(*aggregate.Definition[tally])
		hold   func(a *rig) (*pending, func()) // brings the actor into a turn that lasts
		stored bool
	}{
		"in a callback": {saved, func(a *rig) (*pending, func()) {
			return a.send("a", doAdd, 2), func() { close(gate) }
		}, true},
		"in a lookup": {nil, func(a *rig) (*pending, func()) {
			for range 9 {
				a.add("a", 0)
			}
			release := a.store.stall(opLoad, fate{})
			return a.send("a", doAdd, 2), release
		}, false},
		"in a read": {nil, func(a *rig) (*pending, func()) {
			for range 9 {
				a.add("a", 0)
			}
			release := a.store.stall(opLoad, fate{})
			return a.send("a", doLook, 2), release
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate = make(chan struct{})
				a, b := pair(t, setup{define: c.define})
				a.add("a", 1)
				p, release := c.hold(a)
				synctest.Wait()
				mine := slotOf("a")
				a.release(mine)
				b.acquire(mine)
				b.add("a", 100)
				b.release(mine)
				a.acquire(mine)
				s, v := a.read("a")
				if want := map[bool]int{true: 103, false: 101}[c.stored]; s.N != want {
					t.Errorf("read %v at version %d, want %d", s, v, want)
				}
				release()
				switch got := p.wait().(type) {
				case message.OK:
				case message.ServiceUnavailable:
					if c.stored {
						t.Errorf("answered %#v", got)
					}
				default:
					t.Errorf("answered %#v", got)
				}
				synctest.Wait()
				if again, w := a.read("a"); again.N != s.N || w != v {
					t.Errorf("then it was %v at version %d", again, w)
				}
				at(t, a.tell("a", doAdd, 1), v+1)
				synctest.Wait()
				if n, _ := a.actors(); n != 1 {
					t.Errorf("%d actors", n)
				}
				if n, _ := a.host.Actors(); n != 1 {
					t.Errorf("%d actors are counted", n)
				}
			})
		})
	}
}

// A command that was decided in a term that is over is refused, though the slot
// is held again and nobody wrote meanwhile: another actor may have read by now.
func TestSlots_CommitOfATermThatIsOver(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		for range 9 {
			r.add("a", 1)
		}
		load := r.store.stall(opLoad, fate{})
		p := r.send("a", doAdd, 1)
		synctest.Wait()
		r.release(slotOf("a"))
		r.acquire(slotOf("a"))
		if s, _ := r.read("a"); s.N != 9 {
			t.Errorf("state %v", s)
		}
		load()
		is[message.ServiceUnavailable](t, p.wait())
		at(t, r.tell("a", doAdd, 1), 9)
	})
}

// Acquisitions and releases whose outcome is unknown.
func TestSlots_Unknown(t *testing.T) {
	for _, done := range []bool{true, false} {
		t.Run(fmt.Sprint("done=", done), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, setup{})
				a.add("a", 1)
				mine := slotOf("a")
				a.store.next(opRelease, lost(done), lost(done))
				a.release(mine)
				if e := a.host.Epoch(mine); e != 0 {
					t.Errorf("a slot that was released is served in epoch %d", e)
				}
				b.store.next(opAcquire, lost(done), lost(done))
				b.acquire(mine)
				b.add("a", 2)
				other := idsIn((mine+1)%testSlots, 1)[0]
				a.add(other, 1) // the other slots go on
				rows, err := a.store.Slots(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, row := range rows {
					if want := map[bool]store.MemberID{true: "m2", false: "m1"}[row.Slot == mine]; row.Owner != want {
						t.Errorf("slot %d belongs to %q", row.Slot, row.Owner)
					}
				}
				if e := b.host.Epoch(mine); e != rows[mine].Epoch {
					t.Errorf("served in epoch %d, owned in %d", e, rows[mine].Epoch)
				}
			})
		})
	}
}

// A release that fails can be tried again; until then nobody else gets the slot.
func TestSlots_ReleaseFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, setup{})
		a.add("a", 1)
		mine := slotOf("a")
		a.store.next(opRelease, refused(), refused())
		for range 2 {
			if err := a.host.Release(t.Context(), ringSlots(mine)); err == nil {
				t.Fatal("a release that failed is no error")
			}
			is[message.ServiceUnavailable](t, a.tell("a", doAdd, 1))
		}
		if n, err := b.host.Acquire(t.Context(), ringSlots(mine)); n != 0 || err != nil {
			t.Errorf("acquired %d: %v", n, err)
		}
		a.acquire(mine) // or it is taken back, for a term of its own
		if e := a.host.Epoch(mine); e != 2 {
			t.Errorf("taken back in epoch %d", e)
		}
		a.add("a", 1)
		a.release(mine)
		b.acquire(mine)
		at(t, b.tell("a", doAdd, 1), 2)
	})
}

func TestSlots_AcquireFails(t *testing.T) {
	bubble(t, setup{unowned: true}, func(t *testing.T, r *rig) {
		r.store.next(opAcquire, refused())
		if n, err := r.host.Acquire(t.Context(), allSlots()); err == nil || n != 0 {
			t.Errorf("acquired %d: %v", n, err)
		}
		r.acquire(allSlots()...)
		r.acquire(allSlots()...) // they are held
		if e := r.host.Epoch(3); e != 1 {
			t.Errorf("acquiring what is held raised the epoch to %d", e)
		}
		r.add("a", 1)
	})
}

// Callers that have gone do not leave slots in between.
func TestSlots_CallerGone(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		mine := slotOf("a")
		stall := r.store.stall(opRelease, fate{})
		if err := r.host.Release(within(t, time.Second), ringSlots(mine)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if _, err := r.host.Acquire(within(t, time.Second), ringSlots(mine)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		stall()
		synctest.Wait()
		if e := r.host.Epoch(mine); e != 0 {
			t.Errorf("what nobody waits for any more was acquired in epoch %d", e)
		}
		stall = r.store.stall(opAcquire, fate{})
		if _, err := r.host.Acquire(within(t, time.Second), ringSlots(mine)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		var released sync.WaitGroup
		released.Go(func() { r.release(mine) })
		synctest.Wait()
		stall()
		released.Wait()
		if e := r.host.Epoch(mine); e != 0 {
			t.Errorf("a slot that was released is served in epoch %d", e)
		}
		r.acquire(mine)
		r.add("a", 1)
	})
}

// A release waits for the commits that came before it, and for no others.
func TestSlots_OrdersAreNotStarved(t *testing.T) {
	one := func(c *Config) { c.BatchCommands, c.Writers = 1, 1 }
	bubble(t, setup{config: one}, func(t *testing.T, r *rig) {
		ids := idsIn(0, 30)
		for _, id := range ids {
			r.add(id, 1)
		}
		appends := r.store.count(opAppend)
		stall := r.store.stall(opAppend, fate{})
		var ps []*pending
		for _, id := range ids[:10] {
			ps = append(ps, r.send(id, doAdd, 1))
		}
		synctest.Wait() // they are pending before the release
		released := r.store.stall(opRelease, fate{})
		var wg sync.WaitGroup
		wg.Go(func() { r.release(1) })
		synctest.Wait()
		for _, id := range ids[10:] {
			ps = append(ps, r.send(id, doAdd, 1))
		}
		stall()
		synctest.Wait()
		if n := r.store.count(opAppend) - appends; n != 10 || r.store.count(opRelease) != 1 {
			t.Errorf("the release came behind %d appends, 10 were before it", n)
		}
		released()
		wg.Wait()
		for _, p := range ps {
			at(t, p.wait(), 1)
		}
	})
}

func TestStop_AnswersAll(t *testing.T) {
	entered, gate := make(chan struct{}), make(chan struct{})
	callbacks := func(d *aggregate.Definition[tally]) {
		d.OnCommit(func(ctx context.Context, m *aggregate.Message[tally], _ tally) {
			if m.AggregateID() == "callback" {
				close(entered)
				<-gate
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		entered, gate = make(chan struct{}), make(chan struct{})
		r := newRig(t, setup{define: callbacks, config: func(c *Config) { c.Writers, c.Loaders = 1, 1 }})
		callback := r.send("callback", doAdd, 1)
		<-entered
		commit := r.store.stall(opAppend, fate{})
		committing := r.send("committing", doAdd, 1)
		synctest.Wait()
		queued := r.send("queued", doAdd, 1)
		synctest.Wait()
		load := r.store.stall(opLoad, fate{})
		loading := r.send("loading", doAdd, 1)
		synctest.Wait()
		waiting := []*pending{r.send("callback", doAdd, 1), r.send("committing", doAdd, 1), r.send("loading", doAdd, 1), r.startDelete("queued", true), r.send("cold", doAdd, 1)}
		var stopped atomic.Bool
		var wg sync.WaitGroup
		for range 3 { // anybody may stop it, and waits for it then
			wg.Go(func() { r.host.Stop(); stopped.Store(true) })
		}
		synctest.Wait()
		for _, p := range waiting[:4] {
			is[message.ServiceUnavailable](t, p.wait())
		}
		is[message.ServiceUnavailable](t, r.tell("new", doAdd, 1))
		if stopped.Load() {
			t.Error("it stopped with turns under way")
		}
		load()
		synctest.Wait()
		is[message.ServiceUnavailable](t, loading.wait())
		is[message.ServiceUnavailable](t, waiting[4].wait())
		commit()
		synctest.Wait()
		at(t, committing.wait(), 0)
		at(t, queued.wait(), 0)
		if stopped.Load() {
			t.Error("it stopped with a callback under way")
		}
		close(gate)
		at(t, callback.wait(), 0)
		wg.Wait()
		if _, err := r.host.Acquire(t.Context(), allSlots()); !errors.Is(err, ErrStopped) {
			t.Errorf("acquiring: %v", err)
		}
		if n := r.host.Owned(); n != 0 {
			t.Errorf("a host that is stopped serves %d slots", n)
		}
	})
}

// What a turn decides while the host stops is committed: the writers outlive the
// turns.
func TestStop_WhileDeciding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		r := newRig(t, setup{define: func(d *aggregate.Definition[tally]) {
			d.FilterEvents(func(_ *aggregate.Message[tally], events []aggregate.Pending) ([]aggregate.Pending, error) {
				<-gate
				return events, nil
			})
		}})
		p := r.send("a", doAdd, 1)
		synctest.Wait()
		var stopped sync.WaitGroup
		stopped.Go(r.host.Stop)
		synctest.Wait()
		close(gate)
		at(t, p.wait(), 0)
		stopped.Wait()
		if n := len(r.events("a")); n != 1 {
			t.Errorf("%d events are stored", n)
		}
	})
}

// An acquisition that is under way when the host stops serves nothing.
func TestStop_WhileAcquiring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{unowned: true})
		stall := r.store.stall(opAcquire, fate{})
		var both sync.WaitGroup
		both.Go(func() { _, _ = r.host.Acquire(context.Background(), allSlots()) }) // it may have them or not
		synctest.Wait()
		both.Go(r.host.Stop)
		stall()
		both.Wait()
		if n := r.host.Owned(); n != 0 {
			t.Errorf("a host that is stopped serves %d slots", n)
		}
		is[message.ServiceUnavailable](t, r.tell("a", doAdd, 1))
	})
}

// Stop against callers that do not know of it, with the real scheduler.
func TestStop_WhileCallersGoOn(t *testing.T) {
	for range 20 {
		r := newRig(t, setup{before: func(context.Context, *message.Message, tell) error { return nil }})
		var callers sync.WaitGroup
		var asked, answered atomic.Int64
		begun := make(chan struct{})
		for c := range 8 {
			callers.Go(func() {
				for n := range 100 {
					asked.Add(1)
					r.host.Serve(context.Background(), r.bind, r.message(fmt.Sprint("a", (c+n)%20), doAdd, 1), func(message.Response) { answered.Add(1) })
					if c == 0 && n == 20 {
						close(begun)
					}
				}
			})
		}
		callers.Go(func() { _, _ = r.host.Acquire(context.Background(), allSlots()) })
		<-begun
		r.host.Stop()
		callers.Wait()
		if a, b := asked.Load(), answered.Load(); a != b {
			t.Fatalf("%d commands, %d answers", a, b)
		}
	}
}

func TestNew_Fails(t *testing.T) {
	st := newFaulty(t)
	if _, err := New(t.Context(), Config{}); err == nil {
		t.Error("an empty configuration is taken")
	}
	core := tallies(nil).Core()
	bad := Config{Store: st, Slots: 3, Writers: -1, Page: -1, BatchBytes: -1, Streams: []Stream{{Core: core, MaxActors: -1, Mailbox: -1}, {Core: core}}}
	_, err := New(t.Context(), bad)
	for _, part := range []string{"member", "slots is 3", "writers is -1", "batch", "page", "twice", "limit is negative", "mailbox is -1"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error %v does not say %q", err, part)
		}
	}
	good := Config{Store: st, Member: "nobody", Slots: 4, Writers: 2}
	if _, err := New(t.Context(), good); !errors.As(err, new(*store.FencedError)) {
		t.Errorf("a member that has not joined: %v", err)
	}
	if _, err := st.Join(t.Context(), store.Member{ID: "m", Writers: 2}, time.Second); err != nil {
		t.Fatal(err)
	}
	good.Member = "m"
	st.next(opRaise, fate{}, refused())
	if _, err := New(t.Context(), good); err == nil {
		t.Error("a writer that cannot be raised is no error")
	}
}
