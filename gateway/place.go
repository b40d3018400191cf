package gateway

import (
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	"github.com/ringhold/ringhold/ring"
)

// place finds where a message has to go: by the route of its aggregate, or, for
// a service without one, to any member, in turn.
func (g *Gateway) place(m *message.Message, info *dispatch.ServiceInfo, candidates []dispatch.Node) []dispatch.Node {
	if info.Stream == "" {
		if m.Expected != nil {
			m.Return(wire.NoVersionOf(m.Service))
			return nil
		}
		return g.inTurn(candidates)
	}
	probe := *m // the member gets the request as it was received
	probe.PrepareAggregateID(info.Stream, info.IDField, info.GenerateID)
	if probe.Halted {
		m.Valid = probe.Valid
		m.Return(probe.Response)
		return nil
	}
	m.Aggregate.Stream, m.Aggregate.ID = probe.Aggregate.Stream, probe.Aggregate.ID
	return g.way
}

// placeQuestion is place for what only asks whether a message would be let
// through. Without an aggregate's id the question is about the service alone,
// and any member knows the answer.
func (g *Gateway) placeQuestion(m *message.Message, info *dispatch.ServiceInfo, candidates []dispatch.Node) []dispatch.Node {
	if info.Stream != "" {
		probe := *m
		probe.PrepareAggregateID(info.Stream, info.IDField, info.GenerateID)
		if _, missing := probe.Response.(message.MissingID); missing {
			return g.inTurn(candidates)
		}
	}
	return g.place(m, info, candidates)
}

// owner returns the link to the effective owner of an aggregate, or nil.
func (g *Gateway) owner(stream message.StreamName, id message.AggregateID) *link {
	t := g.members.table.Load()
	if t.view.Ring == nil {
		return nil
	}
	return t.owner(ring.SlotOf(stream.Of(id), t.view.Ring.Slots))
}

// inTurn returns the members in an order that begins with another one each
// time, those that cannot be reached now last.
func (g *Gateway) inTurn(candidates []dispatch.Node) []dispatch.Node {
	if len(candidates) < 2 {
		return candidates
	}
	first := int(g.turn.Add(1) % uint64(len(candidates)))
	out := make([]dispatch.Node, 0, len(candidates))
	var down []dispatch.Node
	for i := range candidates {
		node := candidates[(first+i)%len(candidates)]
		if l, ok := node.(*link); ok && !l.isUp() {
			down = append(down, node)
			continue
		}
		out = append(out, node)
	}
	return append(out, down...)
}
