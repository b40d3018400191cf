package gateway

import (
	"context"
	"sync/atomic"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// place finds the member that a message has to go to: the owner of its
// aggregate, or, for a service without one, any member, in turn.
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
	owner := g.owner(info.Stream, probe.Aggregate.ID)
	if owner == nil {
		m.Return(message.ServiceUnavailable{Service: m.Service, Reason: "no member is known to own the aggregate's slot"})
		return nil
	}
	return []dispatch.Node{owner}
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

// owner returns the link to the member that should own an aggregate, or nil.
func (g *Gateway) owner(stream message.StreamName, id message.AggregateID) *link {
	r := g.cfg.Ring()
	if r == nil {
		return nil
	}
	member, ok := r.Owner(ring.SlotOf(stream.Of(id), r.Slots))
	if !ok {
		return nil
	}
	return g.members.byID[member.ID]
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

// served tells where a message was answered, past the dispatcher: the link that
// brings the answer writes it before it replies.
type served struct{ by atomic.Pointer[pb.Served] }

func (s *served) get() *pb.Served { return s.by.Load() }

type servedKey struct{}

func withServed(ctx context.Context) (context.Context, *served) {
	s := new(served)
	return context.WithValue(ctx, servedKey{}, s), s
}

func noteServed(ctx context.Context, by *pb.Served) {
	if s, ok := ctx.Value(servedKey{}).(*served); ok && by != nil {
		s.by.Store(by)
	}
}
