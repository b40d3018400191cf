package parity

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

func TestRouter_AServiceChoosesTheNode(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		chosen := "far"
		choose := func(*message.Message) string { return chosen }
		far := answers("where", message.OK{Value: encoded([]any{"far"})})
		g := serving(t, start, far)
		chosen = string(g.member().ID())
		near := elsewhere(t, registryOf(g, groupNode), answers("where", message.OK{Value: encoded([]any{"near"})}).ChooseNode(choose))
		same(t, "answered", value[string](t, near.Dispatch(t.Context(), g.message("where", "")).Response), "far")
		chosen = "elsewhere"
		same(t, "answered", value[string](t, near.Dispatch(t.Context(), g.message("where", "")).Response), "near")
	})
}

func TestRouter_TryAnotherNode(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, answers("picky", message.OK{Value: encoded([]any{"far"})}))
		near := elsewhere(t, registryOf(g, groupNode), answers("picky", message.TryAnotherNode{Reason: "no cache"}))
		same(t, "answered", value[string](t, near.Dispatch(t.Context(), g.message("picky", "")).Response), "far")
	})
}

func TestRouter_NoOtherNodeIsLeft(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, answers("picky", message.TryAnotherNode{Reason: "busy"}))
		near := elsewhere(t, registryOf(g, groupNode), answers("picky", message.TryAnotherNode{Reason: "no cache"}))
		want(t, near.Dispatch(t.Context(), g.message("picky", "")).Response, message.NoNodesAvailable{Service: "picky", Refusals: []message.Refusal{
			{Node: "elsewhere", Reason: "no cache"}, {Node: string(g.member().ID()), Reason: "busy"},
		}})
	})
}

func TestRouter_AHostedServiceChoosesAMember(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		var chosen atomic.Value
		chosen.Store("")
		s := hosting(dispatch.Func("where", func(_ context.Context, m *message.Message) message.Response {
			return m.OK(m.Origin).Response
		}).ChooseNode(func(*message.Message) string { return chosen.Load().(string) }))
		s.members = 2
		seen := &recorder{}
		s.observer = seen
		g := start(s)
		near, far := g.local.Members()[0], g.local.Members()[1]
		chosen.Store(string(far.ID()))
		is[message.OK](t, near.Dispatcher().Dispatch(t.Context(), g.message("where", "")).Response)
		for _, e := range seen.all() {
			if e.Step == dispatch.StepExecuting {
				same(t, "executed at", e.Node, string(far.ID()))
			}
		}
		same(t, "executed", seen.count(dispatch.StepExecuting), 1)
	})
}

// A service that needs others dispatches to them: aggregates wherever they are
// owned, private services, as the caller internal.
func TestRouter_AServiceDispatchesOnward(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies(), dispatch.Func("open_many", func(ctx context.Context, m *message.Message) message.Response {
			for i := range 10 {
				raw, err := message.JSONBody([]byte(fmt.Sprintf(`{"id":"a%d"}`, i)))
				if err != nil {
					return message.Crashed{Reason: err.Error()}
				}
				answer := dispatch.Onward(ctx, message.NewCausedBy(m, "open", raw))
				if _, ok := answer.Response.(message.Created); !ok {
					return answer.Response
				}
			}
			return m.OK().Response
		}))
		s.members = 2
		open := s.handler("open")
		open.Visibility, open.Access = v1alpha1.VisibilityPrivate, v1alpha1.AccessDenied
		g := start(s)
		is[message.OK](t, g.member().Dispatcher().Dispatch(t.Context(), g.message("open_many", "")).Response)
		for _, m := range g.local.Members() {
			if n, _ := m.Host().Actors(); n == 0 {
				t.Errorf("member %s got nothing", m.ID())
			}
		}
		is[message.Forbidden](t, g.member().Dispatcher().Dispatch(t.Context(), g.message("open", `{"id":"b"}`)).Response)
		is[message.ServiceUnavailable](t, dispatch.Onward(t.Context(), g.message("open", `{"id":"c"}`)).Response)
	})
}
