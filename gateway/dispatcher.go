package gateway

import (
	"cmp"
	"context"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// dispatcherServer is the door for gRPC.
type dispatcherServer struct {
	pb.UnimplementedDispatcherServer
	gateway *Gateway
}

// Dispatch has one message run.
func (s *dispatcherServer) Dispatch(ctx context.Context, req *pb.DispatchRequest) (*pb.DispatchResponse, error) {
	m, timeout, refusal := wire.ParseRequest(req, false)
	m.Traceparent = cmp.Or(m.Traceparent, traceOf(ctx))
	var by *pb.Served
	if refusal != nil {
		m.Return(refusal)
	} else {
		m, by = s.gateway.dispatch(ctx, m, timeout)
	}
	resp, st := wire.EncodeResponse(m, m.Response, by)
	resp, st = wire.ForCaller(req, resp, st)
	if st != nil {
		return nil, st.Err()
	}
	return resp, nil
}

// Validate is Dispatch as a dry run.
func (s *dispatcherServer) Validate(ctx context.Context, req *pb.DispatchRequest) (*pb.DispatchResponse, error) {
	if req.GetDryRun() == pb.DryRun_DRY_RUN_NONE {
		req.DryRun = pb.DryRun_DRY_RUN_DRY
	}
	return s.Dispatch(ctx, req)
}

// Authorized tells whether a message would be let through; without an aggregate's
// id, whether the service lets the caller through.
func (s *dispatcherServer) Authorized(ctx context.Context, req *pb.AuthorizedRequest) (*pb.AuthorizedResponse, error) {
	m, timeout, refusal := wire.ParseRequest(req.GetRequest(), false)
	if refusal == nil {
		refusal = s.gateway.refuse(m)
	}
	allowed := false
	if refusal == nil {
		allowed, refusal = s.gateway.permission.Authorized(ctx, m, s.gateway.within(ctx, timeout))
	}
	switch why := refusal.(type) { //nolint:gochecksumtype // all others say that nobody could be asked
	case nil:
		return &pb.AuthorizedResponse{Allowed: allowed}, nil
	case message.Forbidden:
		return &pb.AuthorizedResponse{Reason: cmp.Or(why.Reason, "the caller may not use the service")}, nil
	case message.Unauthorized:
		return &pb.AuthorizedResponse{Reason: cmp.Or(why.Reason, "the caller is not authenticated")}, nil
	}
	_, st := wire.EncodeResponse(m, refusal, nil)
	return nil, st.Err()
}

// ListServices answers what the members offer.
func (s *dispatcherServer) ListServices(_ context.Context, req *pb.ListServicesRequest) (*pb.ListServicesResponse, error) {
	return &pb.ListServicesResponse{Services: s.gateway.members.now.Load().list(req.GetVisibility())}, nil
}
