package gateway

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/internal/alloctest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

// What a bucket gives is what was saved up, the floor, and a share of what comes
// in; it can owe, and pays first.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var taken uint64
		b := newBudget(func() uint64 { return taken })
		spend := func() (n int) {
			for b.take(1, 2) {
				n++
			}
			return n
		}
		saved := int(2 * retryFloor * retrySavedFor.Seconds())
		if n := spend(); n != saved {
			t.Errorf("at first there are %d, not %d", n, saved)
		}
		pass(time.Second)
		if n := spend(); n != 2*retryFloor {
			t.Errorf("after a second there are %d", n)
		}
		taken += 1000
		pass(budgetGrain)
		if n := spend(); n != 200 && n != 201 {
			t.Errorf("after 1,000 messages there are %d", n)
		}
		taken += 10
		pass(budgetGrain)
		if !b.take(1002, 2) || b.take(1, 2) {
			t.Error("those of one aggregate do not go together, or owe nothing")
		}
		pass(4 * time.Second)
		if b.take(1, 2) {
			t.Error("it gives before it has paid")
		}
		pass(time.Minute)
		if n := spend(); n != saved {
			t.Errorf("after a minute there are %d, not %d", n, saved)
		}
	})
}

// When nobody takes messages, what is sent again stays within the budget; and who
// had to wait is answered when somebody does.
func TestNoRetryStorm(t *testing.T) {
	inTown(t, func(t *testing.T) {
		const all, seconds = 3000, 20
		w := startTown(t, "a")
		defer w.stop()
		a := w.nodes["a"]
		a.does(refuseWith(message.TryAnotherNode{}))
		waiting := make([]*sent, all)
		for i := range waiting {
			waiting[i] = w.send(nil, fmt.Sprint("x", i), fmt.Sprint(i), long)
		}
		pass(seconds * time.Second)
		synctest.Wait()
		limit := all + int(retryFloor*retrySavedFor.Seconds()) + int(retryShare*all) + seconds*retryFloor
		if n := len(a.got()); n > limit || n < limit*9/10 {
			t.Errorf("%d messages came %d times in %d s; the budget is %d", all, n, seconds, limit)
		}
		if w.gateway.Stats().BudgetExhausted == 0 {
			t.Error("nobody counts that the budget is spent")
		}
		a.does(ok)
		pass(35 * time.Second)
		w.expectAnswers("ok", waiting...)
	})
}

// The loss of a link is no occasion to save: all that was on it goes at once.
func TestDeathIsNotCharged(t *testing.T) {
	inTown(t, func(t *testing.T) {
		const all = 5000 // more than the budget
		w := startTown(t, "a", "b")
		defer w.stop()
		waiting := make([]*sent, all)
		for i := range waiting {
			waiting[i] = w.send(nil, fmt.Sprint("x", i), fmt.Sprint(i), long)
		}
		synctest.Wait()
		w.nodes["b"].does(ok)
		w.cluster.set(w.view(2, 1, "a", "b"))
		w.expectAnswers("ok", waiting...)
	})
}

// What a message for an aggregate costs between the dispatcher and the link: the
// entry, the name of the stream, and four for following the context.
func TestAllocations(t *testing.T) {
	w := startTown(t, "a")
	defer w.stop()
	l := &link{gateway: w.gateway, pending: openPending(), member: ring.Member{ID: "a"}}
	known := w.gateway.members.table.Load()
	w.gateway.members.table.Store(&table{view: known.view, links: map[ring.MemberID]*link{"a": l}, owners: owners(l)})
	m := message.New("deposit", message.Body{})
	m.Aggregate.Stream, m.Aggregate.ID = "accounts", "x"
	ctx, _ := withServed(t.Context(), &conversation{})
	answers := 0
	reply := func(message.Response) { answers++ }
	var response message.Response = message.OK{}
	alloctest.AtMost(t, "route a message", 6, 8, func() {
		w.gateway.routes.Dispatch(ctx, m, reply)
		p := l.pending.next()
		if _, _, current := w.gateway.routes.sending(p); !current {
			t.Fatal("the message is not to be sent")
		}
		w.gateway.answered(l.pending.take(p.sequence), response, nil)
	})
	if answers == 0 {
		t.Error("nothing was answered")
	}
}

func owners(l *link) []*link {
	out := make([]*link, testSlots)
	for i := range out {
		out[i] = l
	}
	return out
}
