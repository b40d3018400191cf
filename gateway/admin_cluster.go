package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// statusTimeout is how long a member may take to say how it does.
const statusTimeout = time.Second

// clusterServer answers from the ring that the gateway has, and asks members
// for the rest.
type clusterServer struct {
	pb.UnimplementedClusterServer
	gateway *Gateway
}

func (g *Gateway) knownRing() (*ring.Ring, error) {
	r := g.ring()
	if r == nil {
		const reason = "no ring is known yet"
		return nil, wire.RefusalStatus(&pb.Refusal{Kind: pb.Kind_KIND_NO_OWNER, Reason: reason}, reason).Err()
	}
	return r, nil
}

// GetRing answers the ring that the gateway routes by.
func (s *clusterServer) GetRing(context.Context, *pb.GetRingRequest) (*pb.GetRingResponse, error) {
	r, err := s.gateway.knownRing()
	if err != nil {
		return nil, err
	}
	out := wire.EncodeRing(r)
	for i, m := range r.Members {
		out.Members[i] = s.gateway.memberOf(m)
	}
	return &pb.GetRingResponse{Ring: out}, nil
}

// memberOf says of a member of the ring what the gateway knows.
func (g *Gateway) memberOf(m ring.Member) *pb.Member {
	out := wire.EncodeMember(m)
	t := g.members.table.Load()
	for _, live := range t.view.Members {
		if live.ID != m.ID && (m.PodUID == "" || live.PodUID != m.PodUID) {
			continue
		}
		if l := t.links[live.ID]; out.GetState() == pb.MemberState_MEMBER_STATE_UNSPECIFIED && l != nil && l.isUp() {
			out.State = pb.MemberState_MEMBER_STATE_LIVE
		}
		if live.Leaving {
			out.State = pb.MemberState_MEMBER_STATE_LEAVING
		}
	}
	return out
}

// GetOwner answers who should own an aggregate, by the ring, and in which epoch
// that member has it, if it can be asked.
func (s *clusterServer) GetOwner(ctx context.Context, req *pb.GetOwnerRequest) (*pb.GetOwnerResponse, error) {
	r, err := s.gateway.knownRing()
	if err != nil {
		return nil, err
	}
	stream, id := message.StreamName(req.GetStream()), message.AggregateID(req.GetAggregateId())
	if _, err := s.gateway.ownerOf(req); err != nil && status.Convert(err).Code() != wire.Code(message.ServiceUnavailable{}) {
		return nil, err
	}
	slot := ring.SlotOf(stream.Of(id), r.Slots)
	out := &pb.GetOwnerResponse{Slot: uint32(slot), RingVersion: uint64(r.Version), Explanation: []string{
		fmt.Sprintf("the stream is %s", stream.Of(id)),
		fmt.Sprintf("its xxhash64 puts it into slot %d of %d", slot, r.Slots),
	}}
	explain := func(format string, args ...any) {
		out.Explanation = append(out.Explanation, fmt.Sprintf(format, args...))
	}
	m, ok := r.Owner(slot)
	if ok {
		explain("ring %d gives the slot to member %s at %s", r.Version, m.ID, m.Address)
	} else {
		explain("ring %d gives the slot to nobody", r.Version)
	}
	owner := s.gateway.members.table.Load().owner(slot)
	if owner == nil {
		explain("nobody is known to live who could own it")
		return out, nil
	}
	if !ok || owner.member.ID != m.ID && (m.PodUID == "" || owner.member.PodUID != m.PodUID) {
		explain("member %s at %s stands in: the ring's cannot be reached, leaves or is dead", owner.member.ID, owner.member.Address)
	}
	out.Member = s.gateway.memberOf(owner.member)
	if err := s.askOwner(ctx, req, out); err != nil {
		return nil, err
	}
	return out, nil
}

// askOwner adds what the owner says itself. Its error is that there is no such
// stream; that the owner does not answer is part of the explanation.
func (s *clusterServer) askOwner(ctx context.Context, req *pb.GetOwnerRequest, out *pb.GetOwnerResponse) error {
	explain := func(format string, args ...any) {
		out.Explanation = append(out.Explanation, fmt.Sprintf(format, args...))
	}
	l := s.gateway.members.linkOf(ring.MemberID(out.GetMember().GetId()))
	if l == nil {
		explain("the gateway has no connection to it")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	resp, err := pb.NewClusterClient(l.calls()).GetOwner(ctx, req)
	if wire.RefusalOf(status.Convert(err)).GetKind() == pb.Kind_KIND_NOT_FOUND {
		return err
	}
	if err != nil {
		explain("the member does not answer: %s", status.Convert(err).Message())
		return nil
	}
	out.Epoch = resp.GetEpoch()
	if resp.GetEpoch() == 0 {
		explain("the member does not have the slot")
		return nil
	}
	explain("the member has it in epoch %d", resp.GetEpoch())
	return nil
}

// ShardStatus asks members how they do, all at once.
func (s *clusterServer) ShardStatus(ctx context.Context, req *pb.ShardStatusRequest) (*pb.ShardStatusResponse, error) {
	var asked []*link
	for _, l := range s.gateway.members.table.Load().links {
		if req.GetMember() == "" || req.GetMember() == l.ID() {
			asked = append(asked, l)
		}
	}
	if len(asked) == 0 && req.GetMember() != "" {
		return nil, noMember(req.GetMember())
	}
	out := make([]*pb.MemberStatus, len(asked))
	var asking sync.WaitGroup
	for i, l := range asked {
		asking.Go(func() { out[i] = s.statusOf(ctx, l) })
	}
	asking.Wait()
	slices.SortFunc(out, func(a, b *pb.MemberStatus) int { return cmp.Compare(a.GetMember().GetId(), b.GetMember().GetId()) })
	return &pb.ShardStatusResponse{Members: out}, nil
}

func (s *clusterServer) statusOf(ctx context.Context, l *link) *pb.MemberStatus {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	resp, err := pb.NewClusterClient(l.calls()).ShardStatus(ctx, &pb.ShardStatusRequest{})
	if err == nil && len(resp.GetMembers()) == 1 {
		return resp.GetMembers()[0]
	}
	out := &pb.MemberStatus{Member: &pb.Member{Id: l.ID()}, Unreachable: "the member does not answer for itself"}
	if err != nil {
		out.Unreachable = status.Convert(err).Message()
	}
	out.Member.Address = l.member.Address
	if r := s.gateway.ring(); r != nil {
		for i, m := range r.Members {
			if m.ID == l.member.ID {
				out.RingVersion, out.Slots = uint64(r.Version), uint32(r.Assignment.Loads(len(r.Members))[i])
			}
		}
	}
	return out
}

// UnloadActor asks the owner.
func (s *clusterServer) UnloadActor(ctx context.Context, req *pb.UnloadActorRequest) (*pb.UnloadActorResponse, error) {
	return askOwner(ctx, s.gateway, req, func(ctx context.Context, owner grpc.ClientConnInterface) (*pb.UnloadActorResponse, error) {
		return pb.NewClusterClient(owner).UnloadActor(ctx, req)
	})
}

// Drain asks the member that is to be drained.
func (s *clusterServer) Drain(ctx context.Context, req *pb.DrainRequest) (*pb.DrainResponse, error) {
	l := s.gateway.members.linkOf(ring.MemberID(req.GetMember()))
	if l == nil {
		return nil, noMember(req.GetMember())
	}
	return pb.NewClusterClient(l.calls()).Drain(ctx, req)
}

func noMember(id string) error {
	reason := fmt.Sprintf("there is no member %q", id)
	return wire.RefusalStatus(&pb.Refusal{Kind: pb.Kind_KIND_NOT_FOUND, Reason: reason}, reason).Err()
}
