package parity

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/shard"
)

func TestRouter_DispatchWaitsFiveSeconds(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, answers("silent", nil))
		began := time.Now()
		same(t, "timeout", is[message.ServiceTimeout](t, g.do("silent", "")).Timeout, 5*time.Second)
		same(t, "waited", time.Since(began), 5*time.Second)
	})
}

func TestRouter_DispatchWithATimeoutOfItsOwn(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		s := hosting(answers("silent", nil))
		s.also("patient", "silent").Timeout.Duration = time.Minute
		g := start(s)
		began := time.Now()
		is[message.ServiceTimeout](t, g.send(g.message("silent", ""), dispatch.Within(7*time.Second)).Response)
		same(t, "the caller's", time.Since(began), 7*time.Second)
		began = time.Now()
		is[message.ServiceTimeout](t, g.do("patient", ""))
		same(t, "the handler's", time.Since(began), time.Minute)
	})
}

func TestRouter_DispatchWithoutATimeout(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, dispatch.Func("slow", func(_ context.Context, m *message.Message) message.Response {
			<-time.After(10 * time.Minute)
			return m.OK().Response
		}))
		want(t, g.send(g.message("slow", ""), dispatch.NoTimeout).Response, message.OK{})
	})
}

func TestRouter_LocalProviderFirst(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, answers("plain", message.OK{Value: encoded([]any{"far"})}))
		near := elsewhere(t, registryOf(g, groupNode), answers("plain", message.OK{Value: encoded([]any{"near"})}))
		for range 3 {
			same(t, "answered", value[string](t, near.Dispatch(t.Context(), g.message("plain", "")).Response), "near")
		}
	})
}

func TestRouter_RemoteProviderElse(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		near := elsewhere(t, registryOf(g, groupNode), answers("plain", message.OK{}))
		answer := near.Dispatch(t.Context(), g.message("open", `{"id":"a"}`))
		want(t, answer.Response, created("a", 0))
		same(t, "origin", answer.Origin, "elsewhere")
		same(t, "stored", len(g.events("a")), 1)
	})
}

func TestRouter_AHaltedMessageComesBackUntouched(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		m := g.message("open", `{"id":"a"}`).Error("no")
		before := *m
		answer := g.send(m)
		if answer != m || answer.InvokedAt != before.InvokedAt || string(answer.Raw.JSON()) != `{"id":"a"}` {
			t.Errorf("it came back as %+v", answer)
		}
		want(t, answer.Response, refusal("no"))
		same(t, "stored", len(g.events("a")), 0)
	})
}

func TestRouter_ToTheOwnerOfTheID(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.members = 3
		g := start(s)
		client := pb.NewDispatcherClient(g.throughGateway())
		for i := range 20 {
			id := fmt.Sprintf("a%d", i)
			r, err := client.Dispatch(t.Context(), wireRequest(t, "open", `{"id":"`+id+`"}`))
			if err != nil {
				t.Fatal(err)
			}
			owner, _ := g.local.Ring().Owner(ring.SlotOf(message.Stream(tallies+"-"+id), 16))
			same(t, "answered by", r.GetServed().GetMember(), string(owner.ID))
		}
		for _, m := range g.local.Members() {
			if n, _ := m.Host().Actors(); n == 0 {
				t.Errorf("member %s got nothing", m.ID())
			}
		}
	})
}

// runHere has a member itself run a message, wherever its aggregate belongs.
func runHere(t *testing.T, m *shard.Member, msg *message.Message) message.Response {
	t.Helper()
	answer := make(chan message.Response, 1)
	m.Dispatcher().Runner().Dispatch(t.Context(), msg, func(r message.Response) { answer <- r })
	return <-answer
}

func TestRouter_AMemberRunsNoAggregateOfAnother(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.members = 2
		g := start(s)
		for i := range 10 {
			id := fmt.Sprintf("a%d", i)
			owner, _ := g.local.Ring().Owner(ring.SlotOf(message.Stream(tallies+"-"+id), 16))
			for _, m := range g.local.Members() {
				if m.ID() != owner.ID {
					is[message.ServiceUnavailable](t, runHere(t, m, g.message("open", `{"id":"`+id+`"}`)))
				}
			}
			for _, m := range g.local.Members() { // both send it to the owner
				r := m.Dispatcher().Dispatch(t.Context(), g.message("open", `{"id":"`+id+`-`+string(m.ID())+`"}`)).Response
				want(t, r, created(message.AggregateID(id+"-"+string(m.ID())), 0))
			}
		}
	})
}

func TestRouter_TheServiceRunsOnAfterATimeout(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		release, ran := make(chan struct{}), make(chan error, 1)
		g := serving(t, start, dispatch.Func("slow", func(ctx context.Context, m *message.Message) message.Response {
			<-release
			ran <- ctx.Err()
			return m.OK("late").Response
		}))
		p := g.begin(g.message("slow", ""), dispatch.Within(time.Second))
		is[message.ServiceTimeout](t, p.response())
		close(release)
		if err := <-ran; err != nil {
			t.Errorf("the service's context has ended: %v", err)
		}
		synctest.Wait()
		if p.answered() {
			t.Errorf("the late reply reached the caller: %#v", p.response())
		}
	})
}

func TestRouter_ARetryAfterATimeoutGetsTheOutcome(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		stall := g.store.stallNext()
		is[message.ServiceTimeout](t, g.send(g.messageAs("m-1", "open", `{"id":"a","n":1}`), dispatch.Within(time.Second)).Response)
		stall.store()
		want(t, g.doAs("m-1", "open", `{"id":"a","n":1}`), created("a", 0))
		same(t, "stored", len(g.events("a")), 1)
	})
}

// With callbacks a command waits for the commits before it; without them it would
// be decided at once, and is started then.
func TestRouter_WhatIsPastItsDeadlineIsNotStarted(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		d := newTallies()
		d.OnSaved(func(context.Context, message.AggregateID, tally, message.Version) {})
		g := serving(t, start, d)
		stall := g.store.stallNext()
		first := g.begin(g.message("open", `{"id":"a","n":1}`), dispatch.Within(time.Minute))
		<-stall.reached
		is[message.ServiceTimeout](t, g.send(g.message("add", `{"id":"a","n":2}`), dispatch.Within(time.Second)).Response)
		stall.store()
		first.response()
		synctest.Wait()
		same(t, "stored", types(g.events("a")), []string{"opened"})
	})
}

func TestRouter_ValidateIsADryRun(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		service, got := seen()
		g := serving(t, start, newTallies(), service)
		for given, want := range map[message.DryRun]message.DryRun{message.Real: message.Dry, message.Dry: message.Dry, message.Verbose: message.Verbose} {
			m := g.message("seen", "")
			m.DryRun = given
			g.dispatcher().Validate(t.Context(), m)
			same(t, "dry run", (<-got).DryRun, want)
		}
		want(t, g.dispatcher().Validate(t.Context(), g.message("open", `{"id":"a"}`)).Response, ok(message.NoVersion))
		same(t, "stored", len(g.events("a")), 0)
	})
}

func TestRouter_ValidateAnswersAsDispatchWould(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.also("open_denied", "open").Access = v1alpha1.AccessDenied
		g := start(s)
		g.do("open", `{"id":"a","n":5}`)
		for _, c := range [][2]string{
			{"open", `{"id":"a"}`}, {"add", `{"id":"a"}`}, {"add", `{}`}, {"look", `{"id":"b"}`}, {"look", `{"id":"a"}`},
			{"open_denied", `{"id":"b"}`}, {"nobody_has_it", ""},
		} {
			would := g.dispatcher().Validate(t.Context(), g.message(c[0], c[1])).Response
			want(t, would, g.do(c[0], c[1]))
		}
		would := g.dispatcher().Validate(t.Context(), g.message("withdraw", `{"id":"a","n":9}`)).Response
		same(t, "stored", len(g.events("a")), 1)
		want(t, would, g.do("withdraw", `{"id":"a","n":9}`))
	})
}

func TestRouter_ValidateThroughTheGateway(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		client := pb.NewDispatcherClient(g.throughGateway())
		would := func(service, body string) message.Response {
			r, err := client.Validate(t.Context(), wireRequest(t, service, body))
			return wire.DecodeResponse(r, status.Convert(err))
		}
		want(t, would("open", `{"id":"a"}`), ok(message.NoVersion))
		want(t, would("add", `{"id":"a"}`), invalid("n", "must not be 0"))
		want(t, would("look", `{"id":"a"}`), notFound("a"))
		same(t, "stored", len(g.events("a")), 0)
	})
}
