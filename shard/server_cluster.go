package shard

import (
	"context"
	"fmt"
	"runtime/debug"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// clusterServer shows a member and steers it.
type clusterServer struct {
	pb.UnimplementedClusterServer
	member *Member
}

// GetRing answers the ring that the member knows.
func (s *clusterServer) GetRing(context.Context, *pb.GetRingRequest) (*pb.GetRingResponse, error) {
	r := s.member.ring.Load()
	if r == nil {
		return nil, status.Error(codes.Unavailable, "this member knows no ring yet")
	}
	return &pb.GetRingResponse{Ring: wire.EncodeRing(r)}, nil
}

// GetOwner answers who owns an aggregate's slot, and how that follows.
func (s *clusterServer) GetOwner(_ context.Context, req *pb.GetOwnerRequest) (*pb.GetOwnerResponse, error) {
	stream, err := s.member.streamOf(req.GetStream(), req.GetAggregateId())
	if err != nil {
		return nil, err
	}
	r := s.member.ring.Load()
	if r == nil {
		return nil, status.Error(codes.Unavailable, "this member knows no ring yet")
	}
	slot := ring.SlotOf(stream, r.Slots)
	out := &pb.GetOwnerResponse{Slot: uint32(slot), RingVersion: uint64(r.Version), Epoch: uint64(s.member.host.Epoch(slot))}
	out.Explanation = []string{fmt.Sprintf("%s hashes to slot %d of %d", stream, slot, r.Slots)}
	owner, ok := r.Owner(slot)
	if !ok {
		out.Explanation = append(out.Explanation, fmt.Sprintf("ring %d assigns slot %d to nobody", r.Version, slot))
		return out, nil
	}
	out.Member = &pb.Member{Id: string(owner.ID), Address: owner.Address}
	out.Explanation = append(out.Explanation, fmt.Sprintf("ring %d assigns slot %d to %s", r.Version, slot, owner.ID))
	if out.Epoch > 0 {
		out.Explanation = append(out.Explanation, fmt.Sprintf("%s owns it in the store, in epoch %d", s.member.cfg.ID, out.Epoch))
	}
	return out, nil
}

// ShardStatus answers how the member is doing.
func (s *clusterServer) ShardStatus(context.Context, *pb.ShardStatusRequest) (*pb.ShardStatusResponse, error) {
	m := s.member
	actors, _ := m.host.Actors()
	out := &pb.MemberStatus{
		Member:        &pb.Member{Id: string(m.cfg.ID), Address: m.cfg.Address},
		BinaryVersion: BinaryVersion(), StartedAt: timestamppb.New(m.started),
		Slots: uint32(m.host.Owned()), Actors: uint64(actors), Waiting: uint64(m.host.Waiting()),
		Quarantined: m.host.Quarantined(),
	}
	if r := m.ring.Load(); r != nil {
		out.RingVersion = uint64(r.Version)
	}
	return &pb.ShardStatusResponse{Members: []*pb.MemberStatus{out}}, nil
}

// UnloadActor drops an aggregate from memory and ends its quarantine.
func (s *clusterServer) UnloadActor(ctx context.Context, req *pb.UnloadActorRequest) (*pb.UnloadActorResponse, error) {
	if _, err := s.member.streamOf(req.GetStream(), req.GetAggregateId()); err != nil {
		return nil, err
	}
	m := message.New("$unload", message.Body{})
	m.Aggregate.Stream, m.Aggregate.ID = message.StreamName(req.GetStream()), message.AggregateID(req.GetAggregateId())
	streams := &streamsServer{member: s.member}
	answer := streams.wait(ctx, m, func(reply func(message.Response)) { s.member.host.Unload(ctx, m, reply) })
	ok, is := answer.(message.OK)
	if !is {
		return nil, refusalOf(m, answer, s.member.served(m))
	}
	return &pb.UnloadActorResponse{Unloaded: string(ok.Value.JSON) == "true"}, nil
}

// Drain gives up the member's slots once what it decided is durable.
func (s *clusterServer) Drain(ctx context.Context, req *pb.DrainRequest) (*pb.DrainResponse, error) {
	if id := req.GetMember(); id != "" && id != string(s.member.cfg.ID) {
		return nil, status.Errorf(codes.NotFound, "this is member %s, not %s", s.member.cfg.ID, id)
	}
	if t := req.GetTimeout(); t != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.AsDuration())
		defer cancel()
	}
	before := s.member.host.Owned()
	if err := s.member.host.Release(ctx, s.member.cfg.Plan.allSlots()); err != nil {
		return nil, s.member.storeError(ctx, "release the slots", err)
	}
	left := s.member.host.Owned()
	return &pb.DrainResponse{SlotsReleased: uint32(before - left), SlotsLeft: uint32(left)}, nil
}

// BinaryVersion is the version of the main module of this binary, as Go's
// build information has it; "devel" for a build from a checkout.
func BinaryVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
