package runtime

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// retry is a message that was sent before.
func (r *rig) retry(m *message.Message, n int) *message.Message {
	return r.messageWith(m.ID, string(m.Aggregate.ID), doAdd, n)
}

// While an append is under way, its aggregate goes on deciding; nothing of what it
// decides, and no answer, is given before all that it rests on is durable.
func TestPipeline_NothingOvertakesTheStore(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig) {
		r.add("a", 1)
		first := r.store.stall(opAppend, fate{})
		write := r.message("a", doAdd, 2)
		ps := []*pending{r.start(t.Context(), write)}
		synctest.Wait() // it is being appended
		second := r.store.stall(opAppend, fate{})
		dry := r.message("a", doAdd, 5)
		dry.DryRun = message.Dry
		reading, state := r.startRead("a")
		ps = append(ps, r.send("a", doRefuse, 0), reading, r.start(t.Context(), r.retry(write, 2)), r.start(t.Context(), r.retry(write, 3)),
			r.start(t.Context(), dry), r.send("a", doAdd, 4), r.send("a", doLook, 0), r.startDelete("a", false), r.send("a", doAdd, 8))
		synctest.Wait()
		for _, p := range ps {
			p.open()
		}
		if n := r.host.Waiting(); n != 2 {
			t.Errorf("%d wait: all but the deletion and what is behind it can be decided", n)
		}
		first()
		synctest.Wait()
		at(t, ps[0].wait(), 1)
		if got := string(is[message.DomainError](t, ps[1].wait()).Detail.JSON); got != `{"n":3,"told":2}` {
			t.Errorf("the refusal saw %s", got)
		}
		if at(t, ps[2].wait(), 1); state.N != 3 {
			t.Errorf("the read saw %v", state)
		}
		at(t, ps[3].wait(), 1) // the repeat
		is[message.MessageIDReused](t, ps[4].wait())
		at(t, ps[5].wait(), 1) // the dry run
		for _, p := range ps[6:] {
			p.open()
		}
		second()
		at(t, ps[6].wait(), 2)
		if got := string(accepted(t, ps[7].wait()).Value.JSON); got != `{"n":7,"told":3}` {
			t.Errorf("the look saw %s", got)
		}
		at(t, ps[8].wait(), 3)
		at(t, ps[9].wait(), 4)
	})
}

// A hot aggregate's commands share appends.
func TestPipeline_AHotOneSharesAppends(t *testing.T) {
	slow := func(f *faulty) {
		f.disturb(func(op string) (is fate) {
			if op == opAppend {
				is.wait = 10 * time.Millisecond
			}
			return is
		})
	}
	for name, define := range kinds {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{define: define, stream: func(s *Stream) { s.Mailbox = 2000 }}, func(t *testing.T, r *rig) {
				r.add("a", 1)
				slow(r.store)
				appends, began := r.store.count(opAppend), time.Now()
				var ps []*pending
				for range 1000 {
					ps = append(ps, r.send("a", doAdd, 1))
				}
				for v, p := range ps {
					at(t, p.wait(), message.Version(v+1))
				}
				if n := r.store.count(opAppend) - appends; n > 10 {
					t.Errorf("1000 commands took %d appends, %v", n, time.Since(began))
				}
				r.unload("a")
				if s, v := r.read("a"); s.N != 1001 || v != 1000 {
					t.Errorf("state %d at version %d", s.N, v)
				}
			})
		})
	}
}

// Answers come in the order of the commands, also those that need no commit.
func TestPipeline_AnswersInOrder(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		var answered []int
		all := make(chan struct{})
		const n = 400
		for i := range n {
			do := []string{doAdd, doRefuse, doLook, doRecord, doMany}[i*7%5]
			r.host.Serve(t.Context(), r.bind, r.message("a", do, 2), func(message.Response) {
				if answered = append(answered, i); len(answered) == n {
					close(all)
				}
			})
		}
		<-all
		for i, got := range answered {
			if got != i {
				t.Fatalf("answer %d is that of command %d", i, got)
			}
		}
	})
}

// Callbacks see each commit by itself, and so does who wants it that way.
func TestPipeline_OffWhereCallbacksAre(t *testing.T) {
	for name, s := range map[string]setup{
		"commit": {define: func(d *aggregate.Definition[tally]) {
			d.OnCommit(func(context.Context, *aggregate.Message[tally], tally) {})
		}},
		"rollback": {define: func(d *aggregate.Definition[tally]) {
			d.OnRollback(func(context.Context, *aggregate.Message[tally], tally) {})
		}},
		"saved": {define: func(d *aggregate.Definition[tally]) {
			d.OnSaved(func(context.Context, message.AggregateID, tally, message.Version) {})
		}},
		"by choice": {config: blocking},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, s, func(t *testing.T, r *rig) {
				r.add("a", 1)
				release := r.store.stall(opAppend, fate{})
				ps := []*pending{r.send("a", doAdd, 1), r.send("a", doAdd, 1), r.send("a", doAdd, 1)}
				synctest.Wait()
				if n := r.host.Waiting(); n != 2 {
					t.Errorf("%d wait", n)
				}
				release()
				for v, p := range ps {
					at(t, p.wait(), message.Version(v+1))
				}
			})
		})
	}
}

// What rests on a commit that fails is never appended; it is decided anew.
func TestPipeline_AFailureTakesBackWhatRestsOnIt(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want func(t *testing.T, got message.Response)
	}{
		"refused":  {errReset, func(t *testing.T, got message.Response) { is[message.ServiceUnavailable](t, got) }},
		"conflict": {&store.VersionConflictError{Stream: streamOf("a"), Expected: 1, Current: 5}, func(t *testing.T, got message.Response) { is[message.WrongExpectedVersion](t, got) }},
	} {
		for kind, define := range kinds {
			t.Run(name+"/"+kind, func(t *testing.T) {
				bubble(t, setup{define: define, config: func(c *Config) { c.Writers = 1 }}, func(t *testing.T, r *rig) {
					r.add("a", 1)
					r.add("b", 1)
					stall := r.store.stall(opAppend, fate{err: c.err})
					bad := r.send("a", doAdd, 100)
					synctest.Wait()
					var behind []*pending
					for range 50 {
						behind = append(behind, r.send("a", doAdd, 1), r.send("a", doLook, 0))
					}
					neighbour := r.send("b", doAdd, 1)
					synctest.Wait()
					stall()
					c.want(t, bad.wait())
					for i := range 50 {
						at(t, behind[2*i].wait(), message.Version(i+1))
						if got, want := string(accepted(t, behind[2*i+1].wait()).Value.JSON), fmt.Sprintf(`{"n":%d,"told":%d}`, i+2, i+2); got != want {
							t.Errorf("look %d saw %s, want %s", i, got, want)
						}
					}
					at(t, neighbour.wait(), 1)
					r.unload("a")
					if s, v := r.read("a"); s.N != 51 || v != 50 {
						t.Errorf("state %d at version %d", s.N, v)
					}
				})
			})
		}
	}
}

// A late first attempt in the middle of an append: those before it are stored, it
// gets its first answer, those behind it follow.
func TestPipeline_ADuplicateInTheMiddle(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		dup := r.message("a", doAdd, 1)
		at(t, r.start(t.Context(), dup).wait(), 0)
		for range 9 {
			r.add("a", 1) // memory does not know all ids any more
		}
		stall := r.store.stall(opAppend, fate{})
		ps := []*pending{r.send("a", doAdd, 1)}
		synctest.Wait()
		late := r.retry(dup, 1)
		late.FirstAttempt = true
		ahead, behind := r.message("a", doAdd, 1), r.message("a", doAdd, 1)
		ahead.FirstAttempt, behind.FirstAttempt = true, true
		ps = append(ps, r.start(t.Context(), ahead), r.start(t.Context(), late), r.start(t.Context(), behind))
		synctest.Wait()
		loads := r.store.count(opLoad)
		stall()
		for i, v := range []message.Version{10, 11, 0, 12} {
			at(t, ps[i].wait(), v)
		}
		if n := len(r.events("a")); n != 13 {
			t.Errorf("%d events are stored", n)
		}
		if n := r.store.count(opLoad) - loads; n != 1 {
			t.Errorf("%d loads: the one that the store named is looked up", n)
		}
	})
}

// Who was told at the commit timeout that nobody knows does not see its command run
// later, when it is known that it was not stored.
func TestPipeline_ATimeoutIsTheEnd(t *testing.T) {
	bubble(t, setup{binding: func(b *handler.Binding) { b.CommitTimeout = 300 * time.Millisecond }}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		stall := r.store.stall(opAppend, refused())
		ps := []*pending{r.send("a", doAdd, 10)}
		synctest.Wait()
		ps = append(ps, r.send("a", doAdd, 100), r.send("a", doAdd, 200)) // one of them would be loaded for
		time.Sleep(time.Second)
		for _, p := range ps {
			is[message.OutcomeUnknown](t, p.wait())
		}
		last := r.send("a", doAdd, 1000)
		synctest.Wait()
		stall()
		at(t, last.wait(), 1)
		if s, _ := r.read("a"); s.N != 1001 {
			t.Errorf("state %d", s.N)
		}
	})
}

// An answer that has to wait for a commit is not waited for beyond its caller's
// deadline.
func TestPipeline_AnAnswerThatComesTooLate(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		stall := r.store.stall(opAppend, fate{})
		write := r.send("a", doAdd, 1)
		synctest.Wait()
		look := r.start(within(t, time.Second), r.message("a", doLook, 0))
		is[message.ServiceTimeout](t, look.wait())
		stall()
		at(t, write.wait(), 1)
	})
}

// What is in flight when a slot is given up is stored first, and what rests on a
// failure then is refused.
func TestPipeline_Release(t *testing.T) {
	for name, fails := range map[string]bool{"stored": false, "failed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, setup{})
				a.add("a", 1)
				then := fate{}
				if fails {
					then = refused()
				}
				stall := a.store.stall(opAppend, then)
				ps := []*pending{a.send("a", doAdd, 1)}
				synctest.Wait()
				ps = append(ps, a.send("a", doAdd, 1), a.send("a", doLook, 0))
				synctest.Wait()
				released := make(chan error, 1)
				go func() { released <- a.host.Release(context.Background(), ringSlots(slotOf("a"))) }()
				synctest.Wait()
				stall()
				if err := <-released; err != nil {
					t.Fatal(err)
				}
				if b.acquire(slotOf("a")); fails {
					for _, p := range ps {
						is[message.ServiceUnavailable](t, p.wait())
					}
					at(t, b.tell("a", doAdd, 1), 1)
					return
				}
				at(t, ps[0].wait(), 1)
				at(t, ps[1].wait(), 2)
				at(t, ps[2].wait(), 2)
				at(t, b.tell("a", doAdd, 1), 3)
				synctest.Wait()
				if n, _ := a.host.Actors(); n != 0 {
					t.Errorf("%d actors are left", n)
				}
			})
		})
	}
}

// An aggregate does not leave memory over what is in flight, and does behind it.
func TestPipeline_UnloadsOnceDrained(t *testing.T) {
	define := func(d *aggregate.Definition[tally]) {
		d.UnloadWhen(func(s tally) aggregate.Unload {
			if s.N == 3 {
				return aggregate.UnloadNow()
			}
			return aggregate.Unload{}
		})
	}
	bubble(t, setup{define: define}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		first := r.store.stall(opAppend, fate{})
		ps := []*pending{r.send("a", doAdd, 2)}
		synctest.Wait()
		second := r.store.stall(opAppend, fate{})
		ps = append(ps, r.send("a", doAdd, 4))
		synctest.Wait()
		first()
		at(t, ps[0].wait(), 1)
		synctest.Wait()
		if !r.inMemory("a") {
			t.Error("it left memory with a commit under way")
		}
		second()
		at(t, ps[1].wait(), 2)
		synctest.Wait()
		if r.inMemory("a") {
			t.Error("it is still there")
		}
		at(t, r.tell("a", doAdd, 1), 3)
	})
}

// What costs an aggregate its state is judged on durable state only.
func TestPipeline_PanicsBehindAFailure(t *testing.T) {
	booms := new(atomic.Bool)
	booms.Store(true)
	bubble(t, setup{booms: booms}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		stall := r.store.stall(opAppend, refused())
		ps := []*pending{r.send("a", doAdd, 1), r.send("a", doBoom, 1), r.send("a", doPanic, 1), r.send("a", doBoom, 1), r.send("a", doAdd, 1)}
		synctest.Wait()
		stall()
		is[message.ServiceUnavailable](t, ps[0].wait())
		for _, p := range ps[1:4] {
			is[message.Crashed](t, p.wait())
		}
		at(t, ps[4].wait(), 1) // two of its applications panicked, not four
	})
}

// Whether this member may answer from memory is asked behind the commit that the
// answer waits for, and not for what the store has just taken.
func TestPipeline_MayAnswer(t *testing.T) {
	var may atomic.Bool
	may.Store(true)
	bubble(t, setup{config: func(c *Config) { c.MayAnswer = may.Load }}, func(t *testing.T, r *rig) {
		m := r.message("a", doAdd, 1)
		at(t, r.start(t.Context(), m).wait(), 0)
		stall := r.store.stall(opAppend, fate{})
		next := r.message("a", doAdd, 1)
		write, look := r.start(t.Context(), next), r.send("a", doLook, 0)
		repeat := r.start(t.Context(), r.retry(next, 1)) // that it was first, memory says
		synctest.Wait()
		may.Store(false)
		stall()
		at(t, write.wait(), 1)
		is[message.ServiceUnavailable](t, look.wait())
		is[message.ServiceUnavailable](t, repeat.wait())
		may.Store(true)
		m = r.about("$read", "a")
		reads := r.pending(m)
		r.host.Read(t.Context(), m, func(handler.View) message.Response { // it is asked behind what was read
			may.Store(false)
			return message.OK{}
		}, reads.reply)
		is[message.ServiceUnavailable](t, reads.wait())
		dry := r.message("a", doAdd, 5)
		dry.DryRun = message.Dry
		reading, _ := r.startRead("a")
		for _, p := range []*pending{r.send("a", doRefuse, 0), reading, r.start(t.Context(), dry), r.startDelete("nobody", false)} {
			is[message.ServiceUnavailable](t, p.wait())
		}
		at(t, r.tell("a", doAdd, 1), 2)
		may.Store(true)
		at(t, r.tell("a", doLook, 1), 2)
	})
}

// What the store itself has said is answered all the same.
func TestPipeline_MayAnswerWhatTheStoreSaid(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.MayAnswer = func() bool { return false } }}, func(t *testing.T, r *rig) {
		sent := r.known("a")
		at(t, r.start(t.Context(), r.retry(sent[2], 1)).wait(), 2)
		is[message.ServiceUnavailable](t, r.tell("a", doLook, 0))
	})
}

// A slot that is being given up is no loss, whatever the store says of it then.
func TestPipeline_OnLostOfWhatIsGivenUp(t *testing.T) {
	told := 0
	bubble(t, setup{config: func(c *Config) { c.OnLost = func([]ring.Slot, error) { told++ } }}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		stall := r.store.stall(opAppend, fate{err: &store.StaleSlotError{Slots: ringSlots(slotOf("a"))}})
		write := r.send("a", doAdd, 1)
		synctest.Wait()
		released := make(chan error, 1)
		go func() { released <- r.host.Release(context.Background(), ringSlots(slotOf("a"))) }()
		stall()
		is[message.ServiceUnavailable](t, write.wait())
		if err := <-released; err != nil {
			t.Fatal(err)
		}
		if told != 0 {
			t.Errorf("%d losses were told", told)
		}
	})
}

// A release is told to nobody, a loss is.
func TestPipeline_OnLost(t *testing.T) {
	var lost []ring.Slot
	var why error
	told := func(c *Config) { c.OnLost = func(s []ring.Slot, err error) { lost, why = append(lost, s...), err } }
	bubble(t, setup{config: told}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		other := ring.Slot((int(slotOf("a")) + 1) % testSlots)
		r.release(other)
		if len(lost) != 0 {
			t.Errorf("a release told of the loss of %v", lost)
		}
		r.store.next(opAppend, fate{err: &store.StaleSlotError{Slots: ringSlots(slotOf("a"))}})
		is[message.ServiceUnavailable](t, r.tell("a", doAdd, 2))
		if len(lost) != 1 || lost[0] != slotOf("a") || isFenced(why) {
			t.Errorf("told of %v: %v", lost, why)
		}
		lost = nil
		if ok, err := r.store.Depose(t.Context(), store.Depose{Member: "m1", Alone: true}); err != nil || !ok {
			t.Fatalf("deposing: %v %v", ok, err)
		}
		id := idsIn((slotOf("a")+2)%testSlots, 1)[0]
		is[message.ServiceUnavailable](t, r.tell(id, doAdd, 1))
		if len(lost) != testSlots-2 || !isFenced(why) {
			t.Errorf("told of %d slots: %v", len(lost), why)
		}
	})
}

// A commit can fail after one behind it: what came back is decided in the order in
// which it was sent all the same.
func TestPipeline_FailuresInTheReverseOrder(t *testing.T) {
	bubble(t, setup{}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		stall := r.store.stall(opAppend, fate{})
		ps := []*pending{r.send("a", doAdd, 1)}
		synctest.Wait()
		x, y := r.message("a", doAdd, 1), r.message("a", doAdd, 1)
		ps = append(ps, r.start(t.Context(), x), r.start(t.Context(), y), r.send("a", doAdd, 1))
		for _, m := range []*message.Message{y, x} {
			r.store.next(opAppend, fate{err: &store.DuplicateMessageError{Stream: streamOf("a"), MessageID: m.ID}})
		}
		synctest.Wait()
		stall()
		for i, p := range ps {
			at(t, p.wait(), message.Version(i+1))
		}
	})
}

// What is in flight of one aggregate is bounded, and behind a failure only little is
// decided ahead until commits succeed again.
func TestPipeline_InFlightIsBounded(t *testing.T) {
	bubble(t, setup{stream: func(s *Stream) { s.Mailbox = 3000 }}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		stall := r.store.stall(opAppend, refused())
		ps := []*pending{r.send("a", doAdd, 1)}
		synctest.Wait()
		for range maxInFlight + 499 {
			ps = append(ps, r.send("a", doAdd, 1))
		}
		synctest.Wait()
		if n := r.host.Waiting(); n != 500 {
			t.Errorf("%d wait", n)
		}
		next := r.store.stall(opAppend, fate{})
		stall()
		is[message.ServiceUnavailable](t, ps[0].wait())
		synctest.Wait()
		if n := r.host.Waiting(); n != maxInFlight+500-2 {
			t.Errorf("%d wait behind the first one after the failure", n)
		}
		appends := r.store.count(opAppend)
		r.store.judge = func(*store.Append) fate { return fate{wait: 10 * time.Millisecond} }
		next()
		for i, p := range ps[1:] {
			at(t, p.wait(), message.Version(i+1))
		}
		if n := r.store.count(opAppend) - appends; n > 40 {
			t.Errorf("%d appends for the rest", n)
		}
	})
}

// A repeat of what is in flight is found there, however much is behind it.
func TestPipeline_ARepeatBehindMany(t *testing.T) {
	for name, define := range kinds {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{define: define, config: func(c *Config) { c.Writers = 1 }}, func(t *testing.T, r *rig) {
				r.add("a", 1)
				release := r.store.stall(opAppend, fate{})
				first := r.message("a", doAdd, 1)
				ps := []*pending{r.start(t.Context(), first)}
				for range recentOfState + 10 {
					ps = append(ps, r.send("a", doAdd, 1))
				}
				repeat := r.start(t.Context(), r.retry(first, 1))
				synctest.Wait()
				release()
				at(t, repeat.wait(), 1)
				for i, p := range ps {
					at(t, p.wait(), message.Version(i+1))
				}
				if s, _ := r.read("a"); s.N != recentOfState+12 {
					t.Errorf("state %d", s.N)
				}
			})
		})
	}
}

// What was never sent is refused, whatever became of what was sent before.
func TestPipeline_NeverSentIsNotUnknown(t *testing.T) {
	bubble(t, setup{config: func(c *Config) { c.Writers = 1 }}, func(t *testing.T, r *rig) {
		r.add("a", 1)
		r.add("b", 1)
		r.store.disturb(func(op string) (is fate) {
			if op == opRaise {
				is = lost(false)
			}
			return is
		})
		stall := r.store.stall(opAppend, lost(false))
		first := r.send("a", doAdd, 1)
		synctest.Wait()
		second := r.send("b", doAdd, 1)
		synctest.Wait()
		stall()
		synctest.Wait()
		r.host.Stop()
		is[message.OutcomeUnknown](t, first.wait())
		is[message.ServiceUnavailable](t, second.wait())
	})
}
