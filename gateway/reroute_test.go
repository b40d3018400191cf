package gateway

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

const long = time.Minute // a timeout that no test comes to

func inTown(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func ok(a *arrival) { a.reply(message.OK{}, 0) }

func refuseWith(r message.Response) func(*arrival) { return func(a *arrival) { a.reply(r, 0) } }

func (w *town) expect(n *node, want ...string) {
	w.t.Helper()
	synctest.Wait()
	if got := n.got(); !slices.Equal(got, want) {
		w.t.Fatalf("member %s got %v, want %v", n.id, got, want)
	}
}

func (w *town) expectAnswers(want string, all ...*sent) {
	w.t.Helper()
	synctest.Wait()
	for _, s := range all {
		if s.outcome() != want || s.times.Load() != 1 {
			w.t.Errorf("message %s is answered %q, %d times; want %q", s.id, s.outcome(), s.times.Load(), want)
		}
	}
}

// expectChain checks that each message names its predecessor of the same stream.
func expectChain(t *testing.T, arrivals []*arrival, want ...string) {
	t.Helper()
	for i, a := range arrivals {
		if got := a.req.GetRouting().GetPrevMessageId(); got != want[i] {
			t.Errorf("message %s names %q, want %q", a.id(), got, want[i])
		}
	}
}

// What a dead member has not answered goes to who adopts, in order, under the
// same ids, as no first attempts.
func TestDeadMemberIsAbandoned(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a", "b")
		defer w.stop()
		a, b := w.nodes["a"], w.nodes["b"]
		s1, s2 := &conversation{}, &conversation{}
		all := []*sent{w.send(s1, "x", "1", long), w.send(s2, "x", "2", long), w.send(s1, "x", "3", long), w.send(nil, "x", "4", long), w.send(s2, "x", "5", long)}
		w.expect(a, "1", "2", "3", "4", "5")
		expectChain(t, a.arrived(), "", "", "1", "", "2")
		b.does(ok)
		w.cluster.set(w.view(2, 1, "a", "b"))
		w.expect(b, "1", "2", "3", "4", "5")
		w.expectAnswers("ok", all...)
		for i, one := range b.arrived() {
			if one.req.GetRouting().GetFirstAttempt() || !a.arrived()[i].req.GetRouting().GetFirstAttempt() {
				t.Errorf("only the first attempt of %s is one", one.id())
			}
		}
		for _, late := range a.arrived() {
			late.reply(message.Crashed{}, 0)
		}
		w.expectAnswers("ok", all...)
		if a.closed == 0 || w.gateway.Stats().Links != 1 {
			t.Error("the link to the dead member is kept")
		}
	})
}

// A member that leaves answers what it has, and gets nothing new.
func TestLeavingMember(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a", "b")
		defer w.stop()
		a, b := w.nodes["a"], w.nodes["b"]
		b.does(ok)
		first := w.send(nil, "x", "1", long)
		w.expect(a, "1")
		w.cluster.set(w.view(2, 1, "a", "a!", "b"))
		synctest.Wait()
		other := w.send(nil, "y", "2", long)
		w.expect(b, "2")
		ok(a.arrived()[0])
		w.expectAnswers("ok", first, other)
		again := w.send(nil, "x", "3", long)
		w.expect(b, "2", "3")
		w.expectAnswers("ok", again)
	})
}

// Messages follow those of the same aggregate that are on their way, for a while;
// then they wait until none is.
func TestWayIsKeptWhileSomethingIsOnIt(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a", "b")
		defer w.stop()
		a, b := w.nodes["a"], w.nodes["b"]
		b.does(ok)
		stream := &conversation{}
		all := []*sent{w.send(stream, "x", "1", long)}
		w.expect(a, "1")
		w.cluster.set(w.view(1, 2, "b", "a", "b"))
		synctest.Wait()
		all = append(all, w.send(stream, "x", "2", long))
		w.expect(a, "1", "2")
		pass(maxDetour)
		all = append(all, w.send(stream, "x", "3", long), w.send(stream, "x", "4", long))
		w.expect(a, "1", "2")
		ok(a.arrived()[0])
		w.expect(b)
		ok(a.arrived()[1])
		w.expect(b, "3", "4")
		expectChain(t, b.arrived(), "", "3")
		w.expectAnswers("ok", all...)
		if n := w.gateway.Stats().Retries; n["not_owner"]+n["link_broken"]+n["moved"] != 0 {
			t.Errorf("there were retries: %v", n)
		}
	})
}

// From the first one that was refused on, all are sent again, in order, when the
// others are refused or answered; nothing is sent behind it before.
func TestGoBackN(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a", "b")
		defer w.stop()
		a, b := w.nodes["a"], w.nodes["b"]
		stream := &conversation{}
		all := []*sent{w.send(stream, "x", "1", long), w.send(stream, "x", "2", long), w.send(stream, "x", "3", long), w.send(nil, "x", "4", long)}
		w.expect(a, "1", "2", "3", "4")
		came := a.arrived()
		came[0].reply(message.NotOwner{Owner: "b", RingVersion: 1}, 0)
		synctest.Wait()
		all = append(all, w.send(stream, "x", "5", long))
		w.expect(b)
		came[1].reply(message.OutOfOrder{}, 0)
		ok(came[3]) // it had no order
		w.expect(b)
		came[2].reply(message.OutOfOrder{}, 0)
		w.expect(b, "1", "2", "3", "5")
		w.expect(a, "1", "2", "3", "4")
		expectChain(t, b.arrived(), "", "1", "2", "3")
		for _, one := range b.arrived() {
			ok(one)
		}
		w.expectAnswers("ok", all...)
		if n := w.gateway.Stats().Retries; n["not_owner"] != 1 || n["out_of_order"] != 2 {
			t.Errorf("the retries are %v", n)
		}
	})
}

// A predecessor that was answered, or given up, is not named.
func TestPredecessorIsUnanswered(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a")
		defer w.stop()
		a := w.nodes["a"]
		stream := &conversation{}
		w.send(stream, "x", "1", long)
		w.send(stream, "x", "2", time.Second)
		w.expect(a, "1", "2")
		w.send(stream, "x", "3", long)
		synctest.Wait()
		pass(2 * time.Second)
		w.send(stream, "x", "4", long)
		synctest.Wait()
		ok(a.arrived()[0])
		w.send(stream, "y", "5", long)
		w.expect(a, "1", "2", "3", "4", "5")
		expectChain(t, a.arrived(), "", "1", "2", "3", "")
		// Of what is refused when the predecessor is over, the first names none.
		a.arrived()[2].reply(message.OutOfOrder{}, 0)
		a.arrived()[3].reply(message.OutOfOrder{}, 0)
		w.expect(a, "1", "2", "3", "4", "5", "3", "4")
		expectChain(t, a.arrived()[5:], "", "3")
	})
}

// A member that falls silent is given up after a second, one that answers
// heartbeats is not, and one that talks is not asked.
func TestHeartbeat(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a", "b")
		defer w.stop()
		a, b := w.nodes["a"], w.nodes["b"]
		first := w.send(nil, "x", "1", long)
		pass(10 * time.Second)
		w.expect(a, "1")
		if a.pings < 15 || a.pings > 40 || a.closed != 0 {
			t.Errorf("in 10 s of silence there were %d heartbeats, %d connections were closed", a.pings, a.closed)
		}
		pings := a.pings
		for i := range 100 {
			pass(beatPeriod / 5)
			w.send(nil, "z", fmt.Sprint("z", i), long)
			synctest.Wait()
			arrived := a.arrived()
			ok(arrived[len(arrived)-1])
		}
		if a.pings > pings+2 {
			t.Errorf("a member that talks got %d heartbeats", a.pings-pings)
		}
		b.does(ok)
		began := time.Now()
		a.cut(true)
		for first.outcome() == "" && time.Since(began) < 10*time.Second {
			pass(10 * time.Millisecond)
			synctest.Wait()
		}
		w.expectAnswers("ok", first)
		if took := first.at.Sub(began); took < 3*beatPeriod || took > 6*beatPeriod {
			t.Errorf("a silent member is given up after %v", took)
		}
		if a.closed == 0 {
			t.Error("its connection is open")
		}
		a.cut(false)
		pass(2 * maxPause)
		before := len(a.got())
		w.send(nil, "x", "again", long)
		if synctest.Wait(); len(a.got()) != before+1 {
			t.Error("when it is back it gets nothing")
		}
	})
}

// A connection that is reset or refused is noticed at once; while nobody else can
// be reached, the owner is tried again and again.
func TestResetAndRefused(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a", "b")
		defer w.stop()
		a, b := w.nodes["a"], w.nodes["b"]
		first := w.send(nil, "x", "1", long)
		w.expect(a, "1")
		b.does(ok)
		a.locked(func() { a.refuses = true })
		a.reset()
		w.expectAnswers("ok", first)
		if waited := time.Since(a.arrived()[0].at); waited > 0 {
			t.Errorf("it was noticed after %v", waited)
		}
		b.locked(func() { b.refuses = true })
		b.reset()
		pass(time.Second)
		second := w.send(nil, "x", "2", long)
		pass(3 * time.Second)
		if synctest.Wait(); second.outcome() != "" {
			t.Fatalf("without anybody the answer is %s", second.outcome())
		}
		a.does(ok)
		a.locked(func() { a.refuses = false })
		pass(2 * maxPause)
		w.expect(a, "1", "2")
		w.expectAnswers("ok", second)
	})
}

// A reset link is opened again less and less often.
func TestBrokenLinkBacksOff(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a")
		defer w.stop()
		a := w.nodes["a"]
		a.does(func(one *arrival) { go one.node.reset() }) // each message kills it
		w.send(nil, "x", "1", long)
		pass(30 * time.Second)
		if synctest.Wait(); a.dials > 60 || a.dials < 20 {
			t.Errorf("in 30 s it is connected %d times", a.dials)
		}
	})
}

// NotOwner without a better owner is asked again after a back-off.
func TestNotOwnerBacksOff(t *testing.T) {
	for name, r := range map[string]message.Response{
		"nobody": message.NotOwner{}, "itself": message.NotOwner{Owner: "a"}, "a stranger": message.NotOwner{Owner: "z"}, "another node": message.TryAnotherNode{},
	} {
		t.Run(name, func(t *testing.T) {
			inTown(t, func(t *testing.T) {
				w := startTown(t, "a", "b")
				defer w.stop()
				a := w.nodes["a"]
				a.does(refuseWith(r))
				one := w.send(nil, "x", "1", long)
				pass(5 * time.Second)
				synctest.Wait()
				came := a.arrived()
				for i := 1; i < len(came); i++ {
					if d := came[i].at.Sub(came[i-1].at); d < firstRefusalPause || d > maxRefusalPause+sweepPause {
						t.Errorf("attempt %d comes after %v", i, d)
					}
				}
				if len(came) < 20 || len(came) > 60 {
					t.Errorf("there were %d attempts in 5 s", len(came))
				}
				a.does(ok)
				pass(maxRefusalPause + sweepPause)
				w.expectAnswers("ok", one)
			})
		})
	}
}

// Two members that each take the other one for the owner are not asked without
// end, and a newer ring is asked for.
func TestNotOwnerPingPong(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a", "b")
		defer w.stop()
		a, b := w.nodes["a"], w.nodes["b"]
		a.does(refuseWith(message.NotOwner{Owner: "b", RingVersion: 7}))
		b.does(refuseWith(message.NotOwner{Owner: "a"}))
		w.send(nil, "x", "1", long)
		synctest.Wait()
		if n := len(a.got()) + len(b.got()); n != 1+maxQuick {
			t.Errorf("there are %d attempts at once", n)
		}
		pass(5 * time.Second)
		synctest.Wait()
		if n := len(a.got()) + len(b.got()); n < 20 || n > 100 {
			t.Errorf("there are %d attempts in 5 s", n)
		}
		if w.cluster.refreshed.Load() == 0 {
			t.Error("nobody asks for the ring that the member knows")
		}
	})
}

// A route that waits to ask again goes on when somebody else is the owner.
func TestNewOwnerEndsTheBackOff(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a", "b")
		defer w.stop()
		w.nodes["a"].does(refuseWith(message.NotOwner{}))
		w.nodes["b"].does(ok)
		one := w.send(nil, "x", "1", long)
		pass(3 * time.Second)
		synctest.Wait()
		w.cluster.set(w.view(1, 2, "b", "a", "b"))
		w.expectAnswers("ok", one)
	})
}

// What is answered at the deadline is what may be the truth.
func TestOutcomeAtTheDeadline(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a")
		defer w.stop()
		a := w.nodes["a"]
		a.does(refuseWith(message.NotOwner{}))
		refused := w.send(nil, "x", "1", time.Second)
		pass(2 * time.Second)
		w.expectAnswers("service_unavailable", refused)
		a.does(nil)
		unanswered := w.send(nil, "x", "2", time.Second)
		pass(2 * time.Second)
		w.expectAnswers("service_timeout", unanswered)
		lost := w.send(nil, "x", "3", time.Second)
		synctest.Wait()
		a.locked(func() { a.refuses = true })
		a.reset()
		synctest.Wait()
		never := w.send(nil, "y", "4", time.Second)
		pass(2 * time.Second)
		w.expectAnswers("service_timeout", lost)
		w.expectAnswers("service_unavailable", never)
		if n := w.gateway.Stats().Waiting; n != 0 {
			t.Errorf("%d messages are kept for nobody", n)
		}
		for i := range w.gateway.routes.shards {
			if n := len(w.gateway.routes.shards[i].routes) + len(w.gateway.routes.shards[i].resting); n != 0 {
				t.Errorf("%d routes are kept", n)
			}
		}
	})
}

// An answer of an ownership that has ended is not believed, and the message is
// asked again.
func TestLowerEpochIsRefused(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a", "b")
		defer w.stop()
		a, b := w.nodes["a"], w.nodes["b"]
		stale := w.send(nil, "x", "1", long)
		w.expect(a, "1")
		b.does(func(one *arrival) { one.reply(message.OK{}, 5) })
		w.cluster.set(w.view(1, 2, "b", "a", "b"))
		synctest.Wait()
		same := sameSlot("x", 1)
		w.expectAnswers("ok", w.send(nil, same[0], "2", long))
		a.arrived()[0].reply(message.NotFound{}, 4)
		w.expectAnswers("ok", stale)
		w.expect(b, "2", "1")
		if s := w.gateway.Stats(); s.LowerEpochs != 1 || s.Retries["lower_epoch"] != 1 {
			t.Errorf("it is counted as %+v", s)
		}
		if b.arrived()[1].req.GetRouting().GetFirstAttempt() {
			t.Error("it is sent as a first attempt")
		}
	})
}

// sameSlot returns n further accounts of the slot of one.
func sameSlot(account string, n int) (out []string) {
	slot := func(id string) ring.Slot { return ring.SlotOf(message.Stream("accounts-"+id), testSlots) }
	for i := 0; len(out) < n; i++ {
		if id := fmt.Sprint("s", i); slot(id) == slot(account) {
			out = append(out, id)
		}
	}
	return out
}

// A store that went back to earlier epochs is believed after a while.
func TestEpochsGiveWay(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a")
		defer w.stop()
		a := w.nodes["a"]
		a.does(func(one *arrival) { one.reply(message.OK{}, 9) })
		w.expectAnswers("ok", w.send(nil, "x", "1", long))
		a.does(func(one *arrival) { one.reply(message.OK{}, 3) })
		began := time.Now()
		one := w.send(nil, "x", "2", long)
		pass(2 * epochPatience)
		w.expectAnswers("ok", one)
		if took := one.at.Sub(began); took < epochPatience || took > epochPatience+time.Second {
			t.Errorf("it took %v", took)
		}
		w.expectAnswers("ok", w.send(nil, "x", "3", long))
	})
}

// A member that drains answers what it has, and gets no more while another one
// can be reached; what follows on that waits for it.
func TestDrainingMember(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a", "b")
		defer w.stop()
		a, b := w.nodes["a"], w.nodes["b"]
		b.does(ok)
		stream := &conversation{}
		first := w.send(stream, "x", "1", long)
		w.expect(a, "1")
		a.arrived()[0].stream.say(&pb.DispatchStreamResponse{Outcome: &pb.DispatchStreamResponse_Drain{Drain: &pb.Drain{LastSequence: 1}}})
		synctest.Wait()
		second, other := w.send(stream, "x", "2", long), w.send(stream, "y", "3", long)
		w.expect(b, "3")
		ok(a.arrived()[0])
		w.expect(b, "3", "2")
		w.expect(a, "1")
		w.expectAnswers("ok", first, second, other)
	})
}

// An older view never takes the place of a newer one, nor an older ring that of a
// newer one, nor one of another number of slots.
func TestOlderViewsChangeNothing(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a", "b")
		defer w.stop()
		a, b := w.nodes["a"], w.nodes["b"]
		a.does(ok)
		b.does(ok)
		w.cluster.set(w.view(5, 5, "b", "a", "b"))
		synctest.Wait()
		for _, old := range []View{w.view(5, 4, "a", "a", "b"), w.view(4, 9, "a", "a"), {Membership: 5, Members: nil}} {
			w.cluster.set(old)
			synctest.Wait()
		}
		w.expectAnswers("ok", w.send(nil, "x", "1", long))
		w.expect(b, "1")
		newer := w.view(6, 4, "a", "a", "b") // of its ring nothing is believed
		w.cluster.set(newer)
		synctest.Wait()
		w.expectAnswers("ok", w.send(nil, "x", "2", long))
		w.expect(b, "1", "2")
		other := w.view(7, 6, "a", "a", "b")
		other.Ring.Slots, other.Ring.Assignment = 2*testSlots, make(ring.Assignment, 2*testSlots)
		w.cluster.set(other)
		synctest.Wait()
		w.expectAnswers("ok", w.send(nil, "x", "3", long))
		w.expect(b, "1", "2", "3")
	})
}

// When the last member is gone messages wait for the next one; services do not
// cease to exist.
func TestAllMembersAreReplaced(t *testing.T) {
	inTown(t, func(t *testing.T) {
		w := startTown(t, "a")
		defer w.stop()
		w.cluster.set(w.view(2, 1, "a"))
		synctest.Wait()
		one := w.send(nil, "x", "1", long)
		pass(time.Second)
		if synctest.Wait(); one.outcome() != "" {
			t.Fatalf("without members it is answered %s", one.outcome())
		}
		w.mu.Lock()
		w.nodes["b"] = &node{id: "b", handle: ok}
		w.mu.Unlock()
		w.cluster.set(w.view(3, 1, "a", "b"))
		w.expectAnswers("ok", one)
		if n := len(w.gateway.registry.Nodes()); n != 1 {
			t.Errorf("%d members are asked for services", n)
		}
	})
}
