package shard

import (
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
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

// maxAnswer bounds one answer, in bytes. All messages between a gateway and a
// member share a stream, which an answer over the limits of gRPC would end for
// all of them.
const maxAnswer = 8 << 20

// encodeAnswer writes the answer to a message, or that it is too large.
func encodeAnswer(m *message.Message, served *pb.Served) (*pb.DispatchResponse, *status.Status) {
	response, st := wire.EncodeResponse(m, m.Response, served)
	size := proto.Size(response)
	if st != nil {
		size = proto.Size(st.Proto())
	}
	if size <= maxAnswer {
		return response, st
	}
	return wire.EncodeResponse(m, message.TooLarge{What: "answer", Size: size, Limit: maxAnswer}, served)
}
