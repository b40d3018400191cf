package parity

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/message"
)

// unconfirmed dispatches m-1, which adds 2 to an aggregate of 5, and holds its
// append up until the caller was told that the outcome is unknown.
func unconfirmed(t *testing.T, start start, after time.Duration) (*group, *stall) {
	t.Helper()
	s := hosting(newTallies())
	if after > 0 {
		s.handler("add").CommitTimeout.Duration = after
		s.handler("add").Timeout.Duration = time.Minute
	}
	g := start(s)
	g.do("open", `{"id":"a","n":5}`)
	stall := g.store.stallNext()
	began := time.Now()
	r := is[message.OutcomeUnknown](t, g.doAs("m-1", "add", `{"id":"a","n":2}`))
	if waited := time.Since(began); waited < after || waited > after+100*time.Millisecond {
		t.Errorf("told after %v, the commit timeout is %v", waited, after)
	}
	want(t, r, message.OutcomeUnknown{Service: "add", MessageID: "m-1", Timeout: after})
	return g, stall
}

func TestHandler_ACommitTimeoutSaysThatTheOutcomeIsUnknown(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		_, stall := unconfirmed(t, start, 2*time.Second)
		stall.store()
	})
}

func TestHandler_TheCommitTimeoutIsFiveSeconds(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.handler("open").Timeout.Duration = time.Minute
		s.handler("open").CommitTimeout.Duration = 0
		g := start(s)
		stall := g.store.stallNext()
		same(t, "timeout", is[message.OutcomeUnknown](t, g.do("open", `{"id":"a"}`)).Timeout, 5*time.Second)
		stall.store()
	})
}

func TestHandler_AfterACommitTimeoutNothingIsAdmittedUntilTheOutcomeIsKnown(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g, stall := unconfirmed(t, start, time.Second)
		retry := g.begin(g.messageAs("m-1", "add", `{"id":"a","n":2}`))
		look := g.begin(g.message("look", `{"id":"a"}`))
		<-time.After(time.Second)
		synctest.Wait()
		if retry.answered() || look.answered() {
			t.Fatal("the actor answered although nobody knows what it is at")
		}
		stall.store()
		want(t, retry.response(), ok(1, 7))
		want(t, look.response(), ok(1, 7))
		same(t, "stored", len(g.events("a")), 2)
	})
}

// TestHandler_ARetryTells: the same message, sent again, tells what became of it.
func TestHandler_ARetryTells(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		for what, c := range map[string]struct {
			becomes func(*stall)
			appends int64 // of the message
		}{
			"it was stored late":               {(*stall).store, 1},
			"it was stored, the answer lost":   {(*stall).storeAndLose, 1},
			"it was lost, and is stored again": {(*stall).lose, 2},
			"it was refused, and runs anew":    {(*stall).refuse, 2},
		} {
			g, stall := unconfirmed(t, start, time.Second)
			before := g.store.appends.Load() - 1
			c.becomes(stall)
			want(t, g.doAs("m-1", "add", `{"id":"a","n":2}`), ok(1, 7))
			want(t, g.do("look", `{"id":"a"}`), ok(1, 7))
			same(t, what+": stored", types(g.events("a")), []string{"opened", "added"})
			same(t, what+": appends", g.store.appends.Load()-before, c.appends)
		}
	})
}

func TestHandler_AfterALostAnswerTheActorGoesOn(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		stall := g.store.stallNext()
		p := g.begin(g.message("add", `{"id":"a","n":2}`))
		stall.storeAndLose()
		want(t, p.response(), ok(1, 7))
		want(t, g.do("add", `{"id":"a","n":1}`), ok(2, 8))
		same(t, "stored", len(g.events("a")), 3)
	})
}

func TestHandler_AfterARefusedSaveTheActorReloads(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		o := &recorder{}
		s := hosting(newTallies())
		s.observer = o
		g := start(s)
		g.do("open", `{"id":"a","n":5}`)
		stall := g.store.stallNext()
		p := g.begin(g.message("add", `{"id":"a","n":2}`))
		stall.refuse()
		is[message.ServiceUnavailable](t, p.response())
		o.clear()
		want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
		same(t, "spawned again", o.count(spawned), 1)
	})
}

func TestHandler_AStateBasedAggregateIsToldApartToo(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		for _, becomes := range []func(*stall){(*stall).storeAndLose, (*stall).lose} {
			d := newTallies()
			d.StateBased()
			g := serving(t, start, d)
			g.do("open", `{"id":"a","n":5}`)
			stall := g.store.stallNext()
			p := g.begin(g.messageAs("m-1", "add", `{"id":"a","n":2}`))
			becomes(stall)
			want(t, p.response(), ok(1, 7))
			want(t, g.doAs("m-1", "add", `{"id":"a","n":2}`), ok(1, 7))
			want(t, g.do("look", `{"id":"a"}`), ok(1, 7))
		}
	})
}

// With callbacks commands wait in the mailbox for the commits before them; without
// them they would be decided, and wait for their answers.
func TestHandler_AFullMailboxIsAnsweredAtOnce(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		d := newTallies()
		d.OnSaved(func(context.Context, message.AggregateID, tally, message.Version) {})
		s := hosting(d)
		s.stream().MailboxLimit = 2
		g := start(s)
		g.do("open", `{"id":"a","n":5}`)
		stall := g.store.stallNext()
		running := g.begin(g.message("add", `{"id":"a","n":1}`))
		<-stall.reached
		waiting := []pending{g.begin(g.message("add", `{"id":"a","n":1}`)), g.begin(g.message("add", `{"id":"a","n":1}`))}
		began := time.Now()
		want(t, g.do("add", `{"id":"a","n":1}`), message.MailboxFull{Stream: tallies, ID: "a", Limit: 2})
		same(t, "waited", time.Since(began), 0)
		other := g.begin(g.message("look", `{"id":"b"}`)) // of another aggregate
		want(t, other.response(), notFound("b"))
		stall.store()
		want(t, running.response(), ok(1, 6))
		want(t, waiting[0].response(), ok(2, 7))
		want(t, waiting[1].response(), ok(3, 8))
	})
}
