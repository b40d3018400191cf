// Package fakeserver is a server of the wire contract for tests of what calls
// one: it answers what the test says, remembers what it was sent, and can be
// killed and started again in the middle.
package fakeserver

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// Server serves what its fields say. Fields are set before it starts; their
// functions are called by many goroutines.
type Server struct {
	pb.UnimplementedDispatcherServer
	pb.UnimplementedStreamsServer
	pb.UnimplementedClusterServer

	// Answer answers a message, of any kind of dispatch.
	Answer func(ctx context.Context, req *pb.DispatchRequest) message.Response
	// Stream, if not nil, serves a DispatchStream in place of Answer.
	Stream func(call pb.Dispatcher_DispatchStreamServer) error
	// Allowed answers Authorized.
	Allowed *pb.AuthorizedResponse
	// Services, Events, States, Infos, Ring, Owner and Status are what is read.
	Services []*pb.ServiceInfo
	Events   []*pb.Event
	States   *pb.GetStateResponse
	Infos    []*pb.StreamInfo
	Ring     *pb.Ring
	Owner    *pb.GetOwnerResponse
	Status   []*pb.MemberStatus

	mu      sync.Mutex
	seen    []*pb.DispatchRequest
	deletes []*pb.DeleteRequest
	reads   []*pb.ReadStreamRequest
	grpc    *grpc.Server
	served  chan struct{}
}

// Start serves on a listener until Kill.
func (s *Server) Start(l net.Listener) {
	g := grpc.NewServer()
	pb.RegisterDispatcherServer(g, s)
	pb.RegisterStreamsServer(g, s)
	pb.RegisterClusterServer(g, s)
	grpc_health_v1.RegisterHealthServer(g, health.NewServer())
	served := make(chan struct{})
	s.mu.Lock()
	s.grpc, s.served = g, served
	s.mu.Unlock()
	go func() {
		defer close(served)
		_ = g.Serve(l) // ends with Kill
	}()
}

// Kill breaks all connections, and waits until the listener is closed.
func (s *Server) Kill() {
	s.mu.Lock()
	g, served := s.grpc, s.served
	s.mu.Unlock()
	g.Stop()
	<-served
}

// Seen returns the messages that arrived, every attempt, in order.
func (s *Server) Seen() []*pb.DispatchRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*pb.DispatchRequest(nil), s.seen...)
}

// SeenIDs returns the ids of the messages that arrived, every attempt, in order.
func (s *Server) SeenIDs() (ids []string) {
	for _, req := range s.Seen() {
		ids = append(ids, req.GetMessageId())
	}
	return ids
}

// Deletes returns the deletions that were asked for.
func (s *Server) Deletes() []*pb.DeleteRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*pb.DeleteRequest(nil), s.deletes...)
}

// Reads returns the reads of streams that were asked for.
func (s *Server) Reads() []*pb.ReadStreamRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*pb.ReadStreamRequest(nil), s.reads...)
}

// Note remembers a message as one that arrived; a Stream of the test's own
// calls it.
func (s *Server) Note(req *pb.DispatchRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, proto.CloneOf(req))
}

// Dispatch answers with Answer.
func (s *Server) Dispatch(ctx context.Context, req *pb.DispatchRequest) (*pb.DispatchResponse, error) {
	resp, st := s.Run(ctx, req)
	return resp, st.Err()
}

// Validate answers with Answer, as a dry run.
func (s *Server) Validate(ctx context.Context, req *pb.DispatchRequest) (*pb.DispatchResponse, error) {
	if req.GetDryRun() == pb.DryRun_DRY_RUN_NONE {
		req.DryRun = pb.DryRun_DRY_RUN_DRY
	}
	return s.Dispatch(ctx, req)
}

// Run remembers a message and answers it as it travels.
func (s *Server) Run(ctx context.Context, req *pb.DispatchRequest) (*pb.DispatchResponse, *status.Status) {
	s.Note(req)
	m, _, refusal := wire.ParseRequest(req, false)
	if refusal == nil {
		refusal = s.Answer(ctx, req)
	}
	return wire.EncodeResponse(m, refusal, &pb.Served{Member: "member-1", RingVersion: 1})
}

// DispatchStream answers each message with Answer, one after the other.
func (s *Server) DispatchStream(call pb.Dispatcher_DispatchStreamServer) error {
	if s.Stream != nil {
		return s.Stream(call)
	}
	for {
		item, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := call.Send(s.Outcome(call.Context(), item)); err != nil {
			return err
		}
	}
}

// Outcome runs one message of a DispatchStream and returns its answer there.
func (s *Server) Outcome(ctx context.Context, item *pb.DispatchStreamRequest) *pb.DispatchStreamResponse {
	out := &pb.DispatchStreamResponse{Sequence: item.GetSequence()}
	resp, st := s.Run(ctx, item.GetRequest())
	if st != nil {
		out.Outcome = &pb.DispatchStreamResponse_Error{Error: st.Proto()}
		return out
	}
	out.Outcome = &pb.DispatchStreamResponse_Response{Response: resp}
	return out
}
