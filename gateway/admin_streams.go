package gateway

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// streamsServer takes reads and deletions to the members.
type streamsServer struct {
	pb.UnimplementedStreamsServer
	gateway *Gateway
}

// aggregate is a request that names an aggregate.
type aggregate interface {
	GetStream() string
	GetAggregateId() string
}

// ownerOf returns the link to the owner of the aggregate that a request names,
// or the status of why there is none.
func (g *Gateway) ownerOf(req aggregate) (*link, error) {
	stream, id := message.StreamName(req.GetStream()), message.AggregateID(req.GetAggregateId())
	if err := faults(stream.Validate(), id.Validate()); err != nil {
		return nil, invalid(err.Error()).Err()
	}
	owner := g.owner(stream, id)
	if owner == nil {
		const reason = "no member is known to own the aggregate's slot"
		return nil, wire.RefusalStatus(&pb.Refusal{
			Kind: pb.Kind_KIND_NO_OWNER, Stream: string(stream), AggregateId: string(id), Reason: reason,
		}, reason).Err()
	}
	return owner, nil
}

func invalid(reason string) *status.Status {
	return wire.RefusalStatus(&pb.Refusal{Kind: pb.Kind_KIND_INVALID_REQUEST, Reason: reason}, reason)
}

// bound gives a call that has no deadline the default, and caps the others.
func (g *Gateway) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout := g.cfg.DefaultTimeout
	if _, ok := ctx.Deadline(); ok {
		timeout = g.cfg.MaxTimeout // the earlier one holds
	}
	return context.WithTimeout(ctx, timeout)
}

// ReadStream passes the events of a stream on.
func (s *streamsServer) ReadStream(req *pb.ReadStreamRequest, out grpc.ServerStreamingServer[pb.ReadStreamResponse]) error {
	owner, err := s.gateway.ownerOf(req)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(out.Context(), s.gateway.cfg.MaxTimeout)
	defer cancel()
	return owner.readStream(ctx, req, out.Send)
}

// readStream calls yield for each event of a stream; its error ends the read.
func (l *link) readStream(ctx context.Context, req *pb.ReadStreamRequest, yield func(*pb.ReadStreamResponse) error) error {
	in, err := pb.NewStreamsClient(l.calls()).ReadStream(ctx, req, grpc.MaxCallRecvMsgSize(maxAnswerBytes))
	if err != nil {
		return err
	}
	for {
		event, err := in.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := yield(event); err != nil {
			return err
		}
	}
}

// GetState asks the owner.
func (s *streamsServer) GetState(ctx context.Context, req *pb.GetStateRequest) (*pb.GetStateResponse, error) {
	return askOwner(ctx, s.gateway, req, func(ctx context.Context, owner grpc.ClientConnInterface) (*pb.GetStateResponse, error) {
		return pb.NewStreamsClient(owner).GetState(ctx, req, grpc.MaxCallRecvMsgSize(maxAnswerBytes))
	})
}

// Delete has the owner delete. The message id makes it safe to ask again.
func (s *streamsServer) Delete(ctx context.Context, req *pb.DeleteRequest) (*pb.DeleteResponse, error) {
	if req.GetMessageId() == "" {
		req.MessageId = string(message.NewID())
	}
	if err := message.ID(req.GetMessageId()).Validate(); err != nil {
		return nil, invalid(err.Error()).Err()
	}
	return askOwner(ctx, s.gateway, req, func(ctx context.Context, owner grpc.ClientConnInterface) (*pb.DeleteResponse, error) {
		return pb.NewStreamsClient(owner).Delete(ctx, req)
	})
}

// ListStreams asks any member: what is stored is the same for all.
func (s *streamsServer) ListStreams(ctx context.Context, req *pb.ListStreamsRequest) (*pb.ListStreamsResponse, error) {
	if name := message.StreamName(req.GetStream()); name != "" {
		if err := name.Validate(); err != nil {
			return nil, invalid(err.Error()).Err()
		}
	}
	ctx, cancel := s.gateway.bound(ctx)
	defer cancel()
	last := status.Error(codes.Unavailable, "no member is known now")
	for _, node := range s.gateway.inTurn(s.gateway.registry.Nodes()) {
		resp, err := pb.NewStreamsClient(node.(*link).calls()).ListStreams(ctx, req, grpc.MaxCallRecvMsgSize(maxAnswerBytes))
		if status.Code(err) != codes.Unavailable {
			return resp, err
		}
		last = err
	}
	return nil, last
}

// askOwner makes a call that cannot do harm twice to the owner of an aggregate.
// It repeats it, to whoever is the owner then, as long as the connection to the
// member is what fails, or the member is not the owner.
func askOwner[R any](ctx context.Context, g *Gateway, req aggregate, call func(context.Context, grpc.ClientConnInterface) (R, error)) (R, error) {
	ctx, cancel := g.bound(ctx)
	defer cancel()
	pause := firstPause
	for {
		var resp R
		owner, err := g.ownerOf(req)
		if err != nil {
			return resp, err
		}
		resp, err = call(ctx, owner.calls())
		if !fromElsewhere(status.Convert(err)) {
			return resp, err
		}
		wait(ctx, pause)
		if ctx.Err() != nil {
			return resp, err
		}
		pause = min(2*pause, maxPause)
	}
}

// fromElsewhere tells whether a status says that another attempt may reach who
// can answer.
func fromElsewhere(st *status.Status) bool {
	switch refusal := wire.RefusalOf(st); refusal.GetKind() {
	case pb.Kind_KIND_NOT_OWNER, pb.Kind_KIND_TRY_ANOTHER_NODE:
		return true
	default:
		return refusal == nil && (st.Code() == codes.Unavailable || st.Code() == codes.Canceled)
	}
}
