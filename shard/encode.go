package shard

import (
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/handler"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// encodeService says on the wire what a service is.
func encodeService(a dispatch.Announcement) *pb.ServiceInfo {
	out := &pb.ServiceInfo{
		Name: string(a.Name), Doc: a.Doc, Stream: string(a.Info.Stream), IdField: a.Info.IDField,
		GeneratesId: a.Info.GenerateID, RequestSchema: string(a.Info.RequestSchema),
		Visibility: pb.Visibility_VISIBILITY_PUBLIC,
	}
	if a.Visibility == dispatch.Private {
		out.Visibility = pb.Visibility_VISIBILITY_PRIVATE
	}
	switch a.Info.On {
	case handler.New.String():
		out.On = pb.On_ON_NEW
	case handler.Existing.String():
		out.On = pb.On_ON_EXISTING
	case handler.MaybeNew.String():
		out.On = pb.On_ON_MAYBE_NEW
	}
	switch a.Access {
	case dispatch.AccessDenied:
		out.Access = pb.Access_ACCESS_DENIED
	case dispatch.AccessPublic:
		out.Access = pb.Access_ACCESS_PUBLIC
	case dispatch.AccessAuthenticated:
		out.Access = pb.Access_ACCESS_AUTHENTICATED
	case dispatch.AccessRule:
		out.Access = pb.Access_ACCESS_RULE
	}
	return out
}

// encodeRing says on the wire who should own what.
func encodeRing(r *ring.Ring) *pb.Ring {
	out := &pb.Ring{Version: uint64(r.Version), Slots: uint32(r.Slots)}
	for _, m := range r.Members {
		out.Members = append(out.Members, &pb.Member{Id: string(m.ID), Address: m.Address})
	}
	for _, run := range r.Assignment.Runs() {
		if run.Member == ring.NoMember {
			continue
		}
		out.Assignment = append(out.Assignment, &pb.SlotRun{FirstSlot: uint32(run.First), Count: uint32(run.Count), Member: uint32(run.Member)})
	}
	return out
}
