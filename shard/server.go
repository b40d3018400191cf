package shard

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// newServer makes the gRPC server of a member: what gateways and other members
// talk to. It trusts them, so it never stands on a public address.
func (m *Member) newServer() *grpc.Server {
	s := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMemberMessage),
		grpc.UnaryInterceptor(m.recoverUnary),
		grpc.StreamInterceptor(m.recoverStream),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	)
	pb.RegisterDispatcherServer(s, &dispatcherServer{member: m})
	pb.RegisterStreamsServer(s, &streamsServer{member: m})
	pb.RegisterClusterServer(s, &clusterServer{member: m})
	healthpb.RegisterHealthServer(s, health.NewServer())
	reflection.Register(s)
	return s
}

// dispatcherServer runs messages on a member.
type dispatcherServer struct {
	pb.UnimplementedDispatcherServer
	member *Member
}

// Dispatch runs one message.
func (s *dispatcherServer) Dispatch(ctx context.Context, req *pb.DispatchRequest) (*pb.DispatchResponse, error) {
	return s.unary(ctx, req, s.member.calls.Dispatch)
}

// Validate runs one message as a dry run.
func (s *dispatcherServer) Validate(ctx context.Context, req *pb.DispatchRequest) (*pb.DispatchResponse, error) {
	return s.unary(ctx, req, s.member.calls.Validate)
}

func (s *dispatcherServer) unary(ctx context.Context, req *pb.DispatchRequest,
	call func(context.Context, *message.Message, ...dispatch.Option) *message.Message,
) (*pb.DispatchResponse, error) {
	m, timeout, refusal := s.parse(req)
	if refusal != nil {
		m.Response = refusal
	} else {
		m = call(ctx, m, within(timeout)...)
	}
	response, st := encodeAnswer(m, s.member.served(m))
	if st != nil {
		return nil, st.Err()
	}
	return response, nil
}

// parse reads a message, and refuses one that expects a version where there is
// none.
func (s *dispatcherServer) parse(req *pb.DispatchRequest) (*message.Message, time.Duration, message.Response) {
	m, timeout, refusal := wire.ParseRequest(req, true)
	if refusal == nil && m.Expected != nil {
		if service := s.member.router.Lookup(m.Service); service != nil && service.Info.Stream == "" {
			refusal = wire.NoVersionOf(m.Service)
		}
	}
	return m, timeout, refusal
}

func within(timeout time.Duration) []dispatch.Option {
	if timeout <= 0 {
		return nil
	}
	return []dispatch.Option{dispatch.Within(timeout)}
}

// served says who answered.
func (m *Member) served(msg *message.Message) *pb.Served {
	out := &pb.Served{Member: string(m.cfg.ID)}
	if r := m.ring.Load(); r != nil {
		out.RingVersion = uint64(r.Version)
	}
	if msg.Aggregate.ID != "" {
		slot := ring.SlotOf(msg.Aggregate.Stream.Of(msg.Aggregate.ID), m.cfg.Plan.Slots)
		number := uint32(slot)
		out.Slot, out.Epoch = &number, uint64(m.host.Epoch(slot))
	}
	return out
}

// DispatchStream runs messages in the order in which they arrive for one
// aggregate, and answers each when it is done.
func (s *dispatcherServer) DispatchStream(stream grpc.BidiStreamingServer[pb.DispatchStreamRequest, pb.DispatchStreamResponse]) error {
	out := newAnswers(stream)
	defer out.close()
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			out.wait()
			return out.failed()
		}
		if err != nil {
			return err
		}
		sequence := in.GetSequence()
		m, timeout, refusal := s.parse(in.GetRequest())
		out.expect()
		if refusal != nil {
			m.Response = refusal
			out.send(sequence, m, s.member.served(m))
			continue
		}
		s.member.calls.Start(stream.Context(), m, func(answer *message.Message) {
			out.send(sequence, answer, s.member.served(answer))
		}, within(timeout)...)
	}
}

// answers sends what is answered on a stream, in one goroutine, since a gRPC
// stream takes one sender. Whoever answers never waits for the network.
type answers struct {
	stream grpc.BidiStreamingServer[pb.DispatchStreamRequest, pb.DispatchStreamResponse]

	mu      sync.Mutex
	cond    *sync.Cond
	queue   []*pb.DispatchStreamResponse
	open    int // expected and not yet sent
	closed  bool
	err     error
	stopped chan struct{}
}

func newAnswers(stream grpc.BidiStreamingServer[pb.DispatchStreamRequest, pb.DispatchStreamResponse]) *answers {
	a := &answers{stream: stream, stopped: make(chan struct{})}
	a.cond = sync.NewCond(&a.mu)
	go a.run()
	return a
}

func (a *answers) expect() {
	a.mu.Lock()
	a.open++
	a.mu.Unlock()
}

func (a *answers) send(sequence uint64, m *message.Message, served *pb.Served) {
	out := &pb.DispatchStreamResponse{Sequence: sequence}
	response, st := encodeAnswer(m, served)
	if st != nil {
		out.Outcome = &pb.DispatchStreamResponse_Error{Error: st.Proto()}
	} else {
		out.Outcome = &pb.DispatchStreamResponse_Response{Response: response}
	}
	a.mu.Lock()
	a.queue = append(a.queue, out)
	a.cond.Broadcast()
	a.mu.Unlock()
}

func (a *answers) run() {
	defer close(a.stopped)
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		for len(a.queue) == 0 && !a.closed {
			a.cond.Wait()
		}
		if len(a.queue) == 0 {
			return
		}
		batch := a.queue
		a.queue = nil
		a.mu.Unlock()
		var err error
		for _, one := range batch {
			if err = a.stream.Send(one); err != nil {
				break
			}
		}
		a.mu.Lock()
		a.open -= len(batch)
		if err != nil && a.err == nil {
			a.err, a.closed = err, true
		}
		a.cond.Broadcast()
	}
}

// wait returns when all that was expected was sent, or sending failed.
func (a *answers) wait() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.open > 0 && !a.closed {
		a.cond.Wait()
	}
}

func (a *answers) failed() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// close ends the sender; answers that come later are dropped.
func (a *answers) close() {
	a.mu.Lock()
	a.closed = true
	a.queue = nil
	a.cond.Broadcast()
	a.mu.Unlock()
	<-a.stopped
}

// Authorized tells whether a message would be allowed, without running it.
func (s *dispatcherServer) Authorized(ctx context.Context, req *pb.AuthorizedRequest) (*pb.AuthorizedResponse, error) {
	m, timeout, refusal := s.parse(req.GetRequest())
	if refusal != nil {
		_, st := wire.EncodeResponse(m, refusal, nil)
		return nil, st.Err()
	}
	allowed, why := s.member.calls.Authorized(ctx, m, within(timeout)...)
	if unavailable, is := why.(message.ServiceUnavailable); is {
		_, st := wire.EncodeResponse(m, unavailable, nil)
		return nil, st.Err()
	}
	return &pb.AuthorizedResponse{Allowed: allowed, Reason: reasonOf(why)}, nil
}

func reasonOf(r message.Response) string {
	switch r := r.(type) { //nolint:gochecksumtype // the others say enough by their kind
	case nil:
		return ""
	case message.Forbidden:
		if r.Reason != "" {
			return "forbidden: " + r.Reason
		}
	case message.Unauthorized:
		if r.Reason != "" {
			return "unauthorized: " + r.Reason
		}
	default:
	}
	return r.Outcome()
}

// ListServices lists the services of this member, private ones too if asked.
func (s *dispatcherServer) ListServices(_ context.Context, req *pb.ListServicesRequest) (*pb.ListServicesResponse, error) {
	filter := dispatch.PublicServices
	switch req.GetVisibility() {
	case pb.Visibility_VISIBILITY_PRIVATE:
		filter = dispatch.PrivateServices
	case pb.Visibility_VISIBILITY_ALL:
		filter = dispatch.AllServices
	case pb.Visibility_VISIBILITY_UNSPECIFIED, pb.Visibility_VISIBILITY_PUBLIC:
	default:
		return nil, status.Error(codes.InvalidArgument, "visibility has to be PUBLIC, PRIVATE or ALL")
	}
	out := &pb.ListServicesResponse{}
	for _, service := range s.member.router.Services(filter) {
		out.Services = append(out.Services, encodeService(service.Announcement()))
	}
	return out, nil
}
