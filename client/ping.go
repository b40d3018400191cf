package client

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// Ping makes one attempt to reach the server, and returns an error if nothing
// answers. A server that answers, however, is enough: Ping does not ask whether
// it is healthy.
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := c.within(ctx, 0)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(c.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	switch status.Code(err) { //nolint:exhaustive // every other code is an answer
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return failed(ctx, "reach "+c.address, 1, err)
	}
	return nil
}
