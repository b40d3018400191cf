package client

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// Client calls one deployment. It is safe for concurrent use and keeps one
// connection, which it makes at the first call and again whenever it is lost.
type Client struct {
	address string
	config  Config
	conn    *grpc.ClientConn
	budget  *budget

	dispatcher pb.DispatcherClient
	streams    pb.StreamsClient
	cluster    pb.ClusterClient
}

// New returns a client of the server at address: "host:port", or any target
// that gRPC knows, such as "dns:///host:port" for all addresses behind a name.
// It does not connect yet. The caller closes the client.
func New(address string, config Config) (*Client, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("client configuration: %w", err)
	}
	config = config.withDefaults()
	conn, err := grpc.NewClient(address, dialOptions(config)...)
	if err != nil {
		return nil, fmt.Errorf("client of %s: %w", address, err)
	}
	return &Client{
		address: address, config: config, conn: conn, budget: newBudget(config.Retry),
		dispatcher: pb.NewDispatcherClient(conn), streams: pb.NewStreamsClient(conn), cluster: pb.NewClusterClient(conn),
	}, nil
}

// Address returns the address that the client was made with.
func (c *Client) Address() string { return c.address }

// Close ends the connection. Calls that run fail, and streams end.
func (c *Client) Close() error { return c.conn.Close() }

// longestDialDelay is how long the client waits at most before it dials a server
// again that it did not reach.
const longestDialDelay = 500 * time.Millisecond

// maxAnswerBytes is the largest answer that is read; servers send smaller ones.
const maxAnswerBytes = 16 << 20

func dialOptions(config Config) []grpc.DialOption {
	transport := insecure.NewCredentials()
	if config.TLS != nil {
		transport = credentials.NewTLS(config.TLS)
	}
	return append([]grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithUserAgent("ringhold-client"),
		// Retries are this package's own: those of gRPC know no message ids.
		grpc.WithDisableRetry(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswerBytes)),
		// A server that restarts is found again soon; gRPC would wait up to two
		// minutes, and calls fail at once meanwhile.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: config.Retry.Delay, Multiplier: 1.6, Jitter: 0.2, MaxDelay: min(config.Retry.MaxDelay, longestDialDelay),
			},
			MinConnectTimeout: 5 * time.Second,
		}),
		// Finds a peer that vanished without a word while calls are open.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 5 * time.Second}),
	}, config.DialOptions...)
}

// within bounds a call: by the timeout if there is one, else by the deadline of
// ctx, else by the client's own timeout.
func (c *Client) within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout > 0 {
		return context.WithTimeout(ctx, timeout)
	}
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.config.Timeout)
}
