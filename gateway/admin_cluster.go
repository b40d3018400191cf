package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

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
	r := g.cfg.Ring()
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
	out := &pb.Ring{Version: uint64(r.Version), Slots: uint32(r.Slots)}
	for _, m := range r.Members {
		out.Members = append(out.Members, s.gateway.memberOf(m))
	}
	for _, run := range r.Assignment.Runs() {
		if run.Member != ring.NoMember {
			out.Assignment = append(out.Assignment, &pb.SlotRun{
				FirstSlot: uint32(run.First), Count: uint32(run.Count), Member: uint32(run.Member),
			})
		}
	}
	return &pb.GetRingResponse{Ring: out}, nil
}

// memberOf says of a member what the gateway knows.
func (g *Gateway) memberOf(m ring.Member) *pb.Member {
	out := &pb.Member{Id: string(m.ID), Address: m.Address, Pod: m.Pod, PodUid: m.PodUID}
	if l := g.members.byID[m.ID]; l != nil && l.isUp() {
		out.State = pb.MemberState_MEMBER_STATE_LIVE
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
	m, ok := r.Owner(slot)
	if !ok {
		out.Explanation = append(out.Explanation, fmt.Sprintf("ring %d gives the slot to nobody", r.Version))
		return out, nil
	}
	out.Member = s.gateway.memberOf(m)
	out.Explanation = append(out.Explanation, fmt.Sprintf("ring %d gives the slot to member %s at %s", r.Version, m.ID, m.Address))
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
	l := s.gateway.members.byID[ring.MemberID(out.GetMember().GetId())]
	if l == nil {
		explain("the gateway has no connection to it")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	resp, err := pb.NewClusterClient(l.member.Conn).GetOwner(ctx, req)
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
	for _, l := range s.gateway.members.links {
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
	resp, err := pb.NewClusterClient(l.member.Conn).ShardStatus(ctx, &pb.ShardStatusRequest{})
	if err == nil && len(resp.GetMembers()) == 1 {
		return resp.GetMembers()[0]
	}
	out := &pb.MemberStatus{Member: &pb.Member{Id: l.ID()}, Unreachable: "the member does not answer for itself"}
	if err != nil {
		out.Unreachable = status.Convert(err).Message()
	}
	if r := s.gateway.cfg.Ring(); r != nil {
		for i, m := range r.Members {
			if m.ID == l.member.ID {
				out.Member.Address, out.RingVersion = m.Address, uint64(r.Version)
				out.Slots = uint32(r.Assignment.Loads(len(r.Members))[i])
			}
		}
	}
	return out
}

// UnloadActor asks the owner.
func (s *clusterServer) UnloadActor(ctx context.Context, req *pb.UnloadActorRequest) (*pb.UnloadActorResponse, error) {
	owner, err := s.gateway.ownerOf(req)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.gateway.bound(ctx)
	defer cancel()
	return again(ctx, func() (*pb.UnloadActorResponse, error) {
		return pb.NewClusterClient(owner.member.Conn).UnloadActor(ctx, req)
	})
}

// Drain asks the member that is to be drained.
func (s *clusterServer) Drain(ctx context.Context, req *pb.DrainRequest) (*pb.DrainResponse, error) {
	l := s.gateway.members.byID[ring.MemberID(req.GetMember())]
	if l == nil {
		return nil, noMember(req.GetMember())
	}
	return pb.NewClusterClient(l.member.Conn).Drain(ctx, req)
}

func noMember(id string) error {
	reason := fmt.Sprintf("there is no member %q", id)
	return wire.RefusalStatus(&pb.Refusal{Kind: pb.Kind_KIND_NOT_FOUND, Reason: reason}, reason).Err()
}
