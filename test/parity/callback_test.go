package parity

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/message"
)

// noting is an aggregate whose callbacks write down what they see.
func noting() (*definition, *notes) {
	n := &notes{}
	d := newTallies()
	d.command("mark", func(m *msg, s tally, c request) decision {
		n.add("decide")
		return m.Emit(d.added(added{c.N})).OK(s.N + c.N)
	})
	d.OnCommit(func(_ context.Context, m *msg, before tally) {
		n.add(fmt.Sprintf("commit %s on %d at %d", m.Service(), before.N, m.Version()))
	})
	d.OnRollback(func(_ context.Context, m *msg, before tally) {
		n.add(fmt.Sprintf("rollback %s on %d at %d", m.Service(), before.N, m.Version()))
	})
	return d, n
}

func TestAggregate_CommitRunsOnceBetweenSaveAndApply(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		d, n := noting()
		g := serving(t, start, d)
		want(t, g.do("open", `{"id":"a","n":5}`), created("a", 0))
		n.take()
		stall := g.store.stallNext()
		p := g.begin(g.message("mark", `{"id":"a","n":2}`))
		<-stall.reached
		synctest.Wait()
		same(t, "before the save", n.take(), []string{"decide"})
		stall.store()
		want(t, p.response(), ok(1, 7))
		same(t, "after the save", n.take(), []string{"commit mark on 5 at 0"}) // the 2 is not applied yet
		synctest.Wait()
		same(t, "later", len(n.take()), 0)
	})
}

func TestAggregate_CommitSeesTheStateBeforeTheEvents(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		for _, stateBased := range []bool{false, true} {
			d, n := noting()
			d.Core().StateBased = stateBased
			g := start(hosting(d).snapshots(1))
			g.do("open", `{"id":"a","n":5}`)
			g.do("add", `{"id":"a","n":2}`)
			g.do("close", `{"id":"a"}`)
			same(t, "seen", n.take(), []string{"commit open on 0 at -1", "commit add on 5 at 0", "commit close on 7 at 1"})
			state, v, _ := g.read("a")
			same(t, "applied", state.Applied, []string{"opened", "added", "added", "closed"})
			same(t, "version", v, 3)
		}
	})
}

func TestAggregate_CommitRunsBeforeTheReply(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		committing, release := make(chan struct{}), make(chan struct{})
		d := newTallies()
		d.OnCommit(func(context.Context, *msg, tally) { close(committing); <-release })
		g := serving(t, start, d)
		p := g.begin(g.message("open", `{"id":"a"}`))
		<-committing
		synctest.Wait()
		if p.answered() {
			t.Error("answered before the callback was done")
		}
		close(release)
		want(t, p.response(), created("a", 0))
	})
}

func TestAggregate_CommitRunsForEventsWithAnError(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d, n := noting()
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		n.take()
		want(t, g.do("withdraw", `{"id":"a","n":9}`), refusal("not_enough", 5))
		same(t, "callbacks", n.take(), []string{"commit withdraw on 5 at 0"})
	})
}

func TestAggregate_CommitDoesNotRunForARepeatOrAReload(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d, n := noting()
		g := serving(t, start, d)
		g.doAs("m-1", "open", `{"id":"a","n":5}`)
		n.take()
		g.doAs("m-1", "open", `{"id":"a","n":5}`)
		g.restart()
		want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
		same(t, "callbacks", len(n.take()), 0)
	})
}

func TestAggregate_RollbackRunsAfterADryRunThatBlocked(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d, n := noting()
		g := serving(t, start, d)
		g.dry(message.Dry, "open", `{"id":"a","n":5}`)
		same(t, "of a new one", n.take(), []string{"rollback open on 0 at -1"})
		g.do("open", `{"id":"a","n":5}`)
		n.take()
		g.dry(message.Verbose, "mark", `{"id":"a","n":2}`)
		same(t, "of an existing one", n.take(), []string{"decide", "rollback mark on 5 at 0"})
		g.dry(message.Dry, "withdraw", `{"id":"a","n":9}`)
		same(t, "with an error", n.take(), []string{"rollback withdraw on 5 at 0"})
	})
}

func TestAggregate_NoCallbackAfterANoBlock(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d, n := noting()
		d.command("peek", func(m *msg, s tally, _ request) decision { return m.NoBlock().Emit(d.added(added{1})).OK(s.N) })
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		n.take()
		for _, kind := range []message.DryRun{message.Real, message.Dry, message.Verbose} {
			g.dry(kind, "look", `{"id":"a"}`)
			g.dry(kind, "peek", `{"id":"a"}`)
			g.dry(kind, "add", `{"id":"a","n":0}`)
			g.dry(kind, "open", `{"id":"a"}`)
		}
		same(t, "callbacks", len(n.take()), 0)
	})
}

func TestAggregate_RollbackRunsAfterASaveThatIsKnownToHaveFailed(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		d, n := noting()
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		n.take()
		stall := g.store.stallNext()
		p := g.begin(g.message("mark", `{"id":"a","n":2}`))
		stall.refuse()
		is[message.ServiceUnavailable](t, p.response())
		same(t, "callbacks", n.take(), []string{"decide", "rollback mark on 5 at 0"})
		want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
	})
}

func TestAggregate_NoCallbackWhileTheOutcomeIsUnknown(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		d, n := noting()
		s := hosting(d)
		s.handler("mark").CommitTimeout.Duration = time.Second
		g := start(s)
		g.do("open", `{"id":"a","n":5}`)
		n.take()
		stall := g.store.stallNext()
		is[message.OutcomeUnknown](t, g.do("mark", `{"id":"a","n":2}`))
		synctest.Wait()
		same(t, "callbacks", n.take(), []string{"decide"})
		stall.storeAndLose()
		want(t, g.do("look", `{"id":"a"}`), ok(1, 7))
		same(t, "callbacks", n.take(), []string{"commit mark on 5 at 0"})
	})
}

func TestAggregate_APanicInACallbackChangesNothing(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.OnCommit(func(context.Context, *msg, tally) { panic("no") })
		d.OnRollback(func(context.Context, *msg, tally) { panic("no") })
		d.OnSaved(func(context.Context, message.AggregateID, tally, message.Version) { panic("no") })
		g := serving(t, start, d)
		want(t, g.do("open", `{"id":"a","n":5}`), created("a", 0))
		want(t, g.dry(message.Dry, "add", `{"id":"a","n":2}`), ok(0, 7))
		want(t, g.do("add", `{"id":"a","n":2}`), ok(1, 7))
	})
}
