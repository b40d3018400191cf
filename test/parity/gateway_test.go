package parity

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/ringhold/ringhold/gateway"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// throughGateway starts a gateway before the group and returns a client of it;
// both end with the test.
func (g *group) throughGateway() *grpc.ClientConn {
	g.t.Helper()
	conns := g.local.Conns()
	gw, err := gateway.New(g.t.Context(), gateway.Config{
		Cluster: gateway.Static(gateway.View{Ring: g.local.Ring(), Members: g.local.Ring().Members}),
		Dial:    func(m ring.Member) (gateway.Conn, error) { return gateway.Borrowed(conns[m.ID]), nil },
	})
	if err != nil {
		g.t.Fatal(err)
	}
	listener := bufconn.Listen(1 << 16)
	served := make(chan error, 1)
	go func() { served <- gw.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///gateway",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := conn.Close(); err != nil {
			g.t.Error(err)
		}
		if err := gw.Shutdown(ctx); err != nil {
			g.t.Error(err)
		}
		if err := <-served; err != nil {
			g.t.Error(err)
		}
	})
	return conn
}

// wireRequest is a request as a client sends it.
func wireRequest(t *testing.T, service, body string) *pb.DispatchRequest {
	t.Helper()
	return wire.EncodeRequest(newMessage(t, service, body), 0)
}
