package parity

import (
	"testing"

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
