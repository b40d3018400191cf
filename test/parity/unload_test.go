package parity

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/dispatch"
)

const spawned = dispatch.StepActorSpawned

// eventually waits for something that happens soon after an answer.
func eventually(t *testing.T, happened func() bool) {
	t.Helper()
	tick, deadline := time.NewTicker(time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not happen within 10 s")
		}
	}
}

// settled returns how many aggregates are in memory once nothing goes on.
func (g *group) settled() int64 {
	synctest.Wait()
	return g.inMemory()
}

func onEvent(event string, in time.Duration) *setup {
	s := hosting(newTallies())
	s.stream().Unload.OnEvents = map[string]v1alpha1.Duration{event: {Duration: in}}
	return s
}

func TestHandler_UnloadedByAnEventAtOnce(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := start(onEvent("closed", 0))
		g.do("open", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a","n":5}`)
		same(t, "in memory", g.settled(), 1)
		g.do("close", `{"id":"a"}`)
		same(t, "in memory", g.settled(), 0)
		want(t, g.do("look", `{"id":"a"}`), ok(3, 0))
		same(t, "in memory again", g.settled(), 1)
	})
}

func TestHandler_UnloadedByAnEventAfterAWhile(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := start(onEvent("closed", 10*time.Second))
		g.do("open", `{"id":"a","n":5}`)
		g.do("close", `{"id":"a"}`)
		<-time.After(9 * time.Second)
		same(t, "after 9 s", g.settled(), 1)
		<-time.After(time.Second + time.Millisecond)
		same(t, "after 10 s", g.settled(), 0)
	})
}

func TestHandler_UnloadedByEventAndStateWithCallbacksToo(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		d := byState()
		d.OnCommit(func(context.Context, *msg, tally) {})
		s := hosting(d)
		s.stream().Unload.OnEvents = map[string]v1alpha1.Duration{"closed": {}}
		g := start(s)
		g.do("open", `{"id":"a","n":1}`)
		same(t, "by state", g.settled(), 0)
		g.do("open", `{"id":"b","n":7}`)
		same(t, "in memory", g.settled(), 1)
		g.do("close", `{"id":"b"}`)
		same(t, "by event", g.settled(), 0)
	})
}

func TestHandler_UnloadingIsAskedForByACommitOnly(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := start(onEvent("added", 0))
		g.do("open", `{"id":"a","n":5}`)
		g.dry(2, "add", `{"id":"a","n":5}`)
		g.do("add", `{"id":"a"}`)
		same(t, "in memory", g.settled(), 1)
	})
}

func TestHandler_AnActorWithWorkIsNotUnloaded(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		o := &recorder{}
		s := onEvent("added", 0)
		s.observer = o
		g := start(s)
		stall := g.store.stallNext()
		first := g.begin(g.message("add", `{"id":"a","n":1}`))
		<-stall.reached
		second := g.begin(g.message("add", `{"id":"a","n":2}`))
		third := g.begin(g.message("add", `{"id":"a","n":4}`))
		stall.store()
		want(t, first.response(), ok(0, 1))
		want(t, second.response(), ok(1, 3))
		want(t, third.response(), ok(2, 7))
		same(t, "in memory", g.settled(), 0)
		same(t, "spawned", o.count(spawned), 1)
	})
}

// byState unloads by what the state says: 1 at once, 2 in 10 s, 3 not at all.
func byState() *definition {
	d := newTallies()
	d.UnloadWhen(func(s tally) aggregate.Unload {
		switch s.N {
		case 1:
			return aggregate.UnloadNow()
		case 2:
			return aggregate.UnloadIn(10 * time.Second)
		case 3:
			return aggregate.UnloadSkip()
		}
		return aggregate.Unload{}
	})
	return d
}

func TestHandler_UnloadedByStateAtOnce(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, byState())
		g.do("open", `{"id":"a","n":1}`)
		same(t, "in memory", g.settled(), 0)
		want(t, g.do("look", `{"id":"a"}`), ok(0, 1))
	})
}

func TestHandler_UnloadedByStateAfterAWhile(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, byState())
		g.do("open", `{"id":"a","n":2}`)
		<-time.After(9 * time.Second)
		same(t, "after 9 s", g.settled(), 1)
		<-time.After(time.Second + time.Millisecond)
		same(t, "after 10 s", g.settled(), 0)
	})
}

func TestHandler_StateThatSaysSkipCancelsAnUnloading(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, byState())
		g.do("open", `{"id":"a","n":2}`)
		g.do("add", `{"id":"a","n":1}`)
		<-time.After(time.Minute)
		same(t, "in memory", g.settled(), 1)
	})
}

func TestHandler_StateThatTheRuleDoesNotCoverLeavesItToTheEvents(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		s := hosting(byState())
		s.stream().Unload.OnEvents = map[string]v1alpha1.Duration{"added": {}, "refused": {}}
		g := start(s)
		g.do("open", `{"id":"a","n":7}`)
		same(t, "not covered, no event", g.settled(), 1)
		g.do("add", `{"id":"a","n":1}`)
		same(t, "not covered, an event", g.settled(), 0)
		g.do("open", `{"id":"b","n":5}`)
		g.do("add", `{"id":"b","n":-2}`)
		same(t, "what the state says goes first", g.settled(), 1)
	})
}

func TestHandler_UnloadedWhenIdle(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.stream().Unload.IdleAfter.Duration = 10 * time.Second
		g := start(s)
		g.do("open", `{"id":"a","n":5}`)
		for range 3 {
			<-time.After(9 * time.Second)
			want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
			same(t, "in use", g.settled(), 1)
		}
		<-time.After(10*time.Second + time.Millisecond)
		same(t, "idle", g.settled(), 0)
		want(t, g.do("look", `{"id":"a"}`), ok(0, 5))
	})
}

// used makes aggregates 0 to n−1 and then uses 0 again, a moment apart.
func used(g *group, n int) {
	for i := range n {
		g.do("open", fmt.Sprintf(`{"id":"%d","n":1}`, i))
		<-time.After(time.Millisecond)
		synctest.Wait()
		if i == 1 {
			g.do("look", `{"id":"0"}`)
			<-time.After(time.Millisecond)
		}
	}
}

// stays tells whether an aggregate is in memory: whether it answers without
// being loaded.
func stays(g *group, o *recorder, id int) bool {
	o.clear()
	g.do("look", fmt.Sprintf(`{"id":"%d"}`, id))
	return o.count(spawned) == 0
}

func TestHandler_AboveMaxActorsTheLeastRecentlyUsedLeave(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		most := int64(2)
		o := &recorder{}
		s := hosting(newTallies())
		s.stream().Unload.MaxActors = &most
		s.observer = o
		g := start(s)
		used(g, 3)
		if n := g.settled(); n > most {
			t.Errorf("%d are in memory, at most %d may be", n, most)
		}
		if stays(g, o, 1) {
			t.Error("the least recently used one stays")
		}
	})
}

func TestHandler_AboveTheMemoryLimitTheLeastRecentlyUsedLeave(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		probe := serving(t, start, newTallies())
		probe.do("open", `{"id":"0","n":1}`)
		synctest.Wait()
		_, one := probe.member().Host().Actors()
		limit := 4 * one // with room for three of them once there is pressure
		o := &recorder{}
		s := hosting(newTallies())
		s.stream().Unload.MemoryLimit = resource.NewQuantity(limit, resource.BinarySI)
		s.observer = o
		g := start(s)
		used(g, 5)
		if _, bytes := g.member().Host().Actors(); g.settled() == 0 || bytes > limit {
			t.Errorf("%d aggregates of %d bytes are in memory, the limit is %d", g.inMemory(), bytes, limit)
		}
		if !stays(g, o, 4) {
			t.Error("the most recently used one left")
		}
		if stays(g, o, 1) {
			t.Error("the least recently used one stays")
		}
	})
}
