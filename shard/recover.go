package shard

import (
	"context"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A panic in a handler of a member ends its call, never the process, with the
// aggregates of all others.

func (m *Member) recoverUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = m.panicked(ctx, info.FullMethod, v)
		}
	}()
	return next(ctx, req)
}

func (m *Member) recoverStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = m.panicked(stream.Context(), info.FullMethod, v)
		}
	}()
	return next(srv, stream)
}

func (m *Member) panicked(ctx context.Context, during string, v any) error {
	m.log.LogAttrs(ctx, slog.LevelError, "the member panicked",
		slog.String("during", during), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	return status.Error(codes.Internal, "the member failed; its log says more")
}
