package client

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

// call makes a unary call that is no dispatch, with retries: all that the
// client calls so may be repeated.
func call[Req, Resp any](
	ctx context.Context, c *Client, op string, timeout time.Duration,
	rpc func(context.Context, *Req, ...grpc.CallOption) (*Resp, error), req *Req,
) (*Resp, error) {
	ctx, cancel := c.within(ctx, timeout)
	defer cancel()
	var answer *Resp
	attempts, err := c.try(ctx, func(ctx context.Context) (err error) {
		answer, err = rpc(ctx, req)
		return err
	})
	if err != nil {
		return nil, failed(ctx, op, attempts, err)
	}
	return answer, nil
}
