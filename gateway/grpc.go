package gateway

import (
	"context"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// Limits of one gRPC connection.
const (
	maxConcurrentCalls = 1024
	keepaliveTime      = 30 * time.Second
	keepaliveTimeout   = 10 * time.Second
	minPing            = 5 * time.Second
	handshakeTimeout   = 10 * time.Second
	maxHeaderBytes     = 64 << 10
)

func (g *Gateway) newGRPC() *grpc.Server {
	s := grpc.NewServer(
		grpc.MaxRecvMsgSize(g.cfg.MaxMessageBytes+wire.MaxEnvelopeBytes),
		grpc.MaxConcurrentStreams(maxConcurrentCalls),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(g.recoverUnary),
		grpc.StreamInterceptor(g.recoverStream),
		grpc.WaitForHandlers(true),
		grpc.UnknownServiceHandler(g.unknownMethod),
	)
	pb.RegisterDispatcherServer(s, &dispatcherServer{gateway: g})
	if g.cfg.Admin {
		pb.RegisterStreamsServer(s, &streamsServer{gateway: g})
		pb.RegisterClusterServer(s, &clusterServer{gateway: g})
	}
	healthpb.RegisterHealthServer(s, g.health)
	reflection.Register(s)
	return s
}

// unknownMethod answers calls of what is not served here, and says where it is.
func (g *Gateway) unknownMethod(_ any, stream grpc.ServerStream) error {
	full, _ := grpc.MethodFromServerStream(stream)
	service, method, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
	switch service {
	case pb.Streams_ServiceDesc.ServiceName, pb.Cluster_ServiceDesc.ServiceName:
		if !g.cfg.Admin {
			return status.Errorf(codes.Unimplemented, "%s stands on the admin address (serve: --admin, default 127.0.0.1:7401)", service)
		}
	}
	return status.Errorf(codes.Unimplemented, "there is no method %q of service %q here", method, service)
}

// A panic in a handler of ours ends its call, never the process.

func (g *Gateway) recoverUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = g.panicked(ctx, info.FullMethod, v)
		}
	}()
	return next(ctx, req)
}

func (g *Gateway) recoverStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = g.panicked(stream.Context(), info.FullMethod, v)
		}
	}()
	return next(srv, stream)
}

func (g *Gateway) panicked(ctx context.Context, during string, v any) error {
	g.cfg.Logger.LogAttrs(ctx, slog.LevelError, "the gateway panicked",
		slog.String("during", during), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	return status.Error(codes.Internal, "the gateway failed; its log says more")
}

// ready reports whether messages can be routed: a ring is known, and a member
// has told its services.
func (g *Gateway) ready() bool {
	return !g.isDraining() && g.ring() != nil && g.members.haveTold()
}

// updateHealth tells gRPC's health checks. Shutdown is final: the health server
// ignores what comes after it.
func (g *Gateway) updateHealth() {
	now := healthpb.HealthCheckResponse_NOT_SERVING
	if g.ready() {
		now = healthpb.HealthCheckResponse_SERVING
	}
	g.health.SetServingStatus("", now)
	g.health.SetServingStatus(pb.Dispatcher_ServiceDesc.ServiceName, now)
}

// traceOf returns the trace context of a call's metadata, if it has one.
func traceOf(ctx context.Context) string {
	if values := metadata.ValueFromIncomingContext(ctx, "traceparent"); len(values) == 1 && wire.IsTraceparent(values[0]) {
		return values[0]
	}
	return ""
}
