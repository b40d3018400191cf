package fakeserver

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// Authorized answers Allowed.
func (s *Server) Authorized(_ context.Context, req *pb.AuthorizedRequest) (*pb.AuthorizedResponse, error) {
	s.Note(req.GetRequest())
	return s.Allowed, nil
}

// ListServices answers Services.
func (s *Server) ListServices(_ context.Context, req *pb.ListServicesRequest) (*pb.ListServicesResponse, error) {
	out := &pb.ListServicesResponse{}
	for _, service := range s.Services {
		if req.GetVisibility() == pb.Visibility_VISIBILITY_ALL || service.GetVisibility() != pb.Visibility_VISIBILITY_PRIVATE {
			out.Services = append(out.Services, service)
		}
	}
	return out, nil
}

// ReadStream answers those of Events that are asked for.
func (s *Server) ReadStream(req *pb.ReadStreamRequest, call grpc.ServerStreamingServer[pb.ReadStreamResponse]) error {
	s.mu.Lock()
	s.reads = append(s.reads, req)
	s.mu.Unlock()
	found, sent := false, uint64(0)
	for _, e := range s.Events {
		if e.GetStream() != req.GetStream() || e.GetAggregateId() != req.GetAggregateId() {
			continue
		}
		found = true
		if e.GetVersion() < req.GetFromVersion() || req.GetLimit() > 0 && sent == req.GetLimit() {
			continue
		}
		sent++
		if err := call.Send(&pb.ReadStreamResponse{Event: e}); err != nil {
			return err
		}
	}
	if !found {
		return notFound(req.GetStream(), req.GetAggregateId())
	}
	return nil
}

func notFound(stream, id string) error {
	r := message.NotFound{Stream: message.StreamName(stream), ID: message.AggregateID(id)}
	_, st := wire.EncodeResponse(&message.Message{}, r, nil)
	return st.Err()
}

// GetState answers States.
func (s *Server) GetState(_ context.Context, req *pb.GetStateRequest) (*pb.GetStateResponse, error) {
	if s.States.GetAggregateId() != req.GetAggregateId() {
		return nil, notFound(req.GetStream(), req.GetAggregateId())
	}
	if req.Version != nil && req.GetVersion() > s.States.GetVersion() {
		return nil, status.Errorf(codes.OutOfRange, "the stream is at version %d", s.States.GetVersion())
	}
	return s.States, nil
}

// ListStreams answers those of Infos that are asked for, in pages of two.
func (s *Server) ListStreams(_ context.Context, req *pb.ListStreamsRequest) (*pb.ListStreamsResponse, error) {
	out := &pb.ListStreamsResponse{}
	from := req.GetPageToken()
	for _, info := range s.Infos {
		id := info.GetAggregateId()
		if req.GetStream() != "" && info.GetStream() != req.GetStream() || !strings.HasPrefix(id, req.GetPrefix()) || from != "" && id < from {
			continue
		}
		if len(out.GetStreams()) == 2 {
			out.NextPageToken = id
			break
		}
		out.Streams = append(out.Streams, info)
	}
	return out, nil
}

// Delete remembers the request; the stream is at version 3.
func (s *Server) Delete(_ context.Context, req *pb.DeleteRequest) (*pb.DeleteResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deletes = append(s.deletes, req)
	if req.ExpectedVersion != nil && req.GetExpectedVersion() != 3 {
		r := message.WrongExpectedVersion{Expected: message.Version(req.GetExpectedVersion()), Current: 3}
		_, st := wire.EncodeResponse(&message.Message{ID: message.ID(req.GetMessageId())}, r, nil)
		return nil, st.Err()
	}
	return &pb.DeleteResponse{Version: 4, MessageId: req.GetMessageId()}, nil
}

// GetRing answers Ring.
func (s *Server) GetRing(context.Context, *pb.GetRingRequest) (*pb.GetRingResponse, error) {
	return &pb.GetRingResponse{Ring: s.Ring}, nil
}

// GetOwner answers Owner.
func (s *Server) GetOwner(context.Context, *pb.GetOwnerRequest) (*pb.GetOwnerResponse, error) {
	return s.Owner, nil
}

// ShardStatus answers Status.
func (s *Server) ShardStatus(context.Context, *pb.ShardStatusRequest) (*pb.ShardStatusResponse, error) {
	return &pb.ShardStatusResponse{Members: s.Status}, nil
}

// UnloadActor answers that acc-1 was in memory, and nothing else.
func (s *Server) UnloadActor(_ context.Context, req *pb.UnloadActorRequest) (*pb.UnloadActorResponse, error) {
	return &pb.UnloadActorResponse{Unloaded: req.GetAggregateId() == "acc-1"}, nil
}
