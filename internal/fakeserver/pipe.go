package fakeserver

import (
	"context"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"
)

// Pipe is a listener in memory that can be replaced, as a port is when a server
// starts again.
type Pipe struct {
	mu sync.Mutex
	l  *bufconn.Listener
}

// Listen returns a new listener; who dials from now on reaches it.
func (p *Pipe) Listen() net.Listener {
	const buffer = 1 << 16
	p.mu.Lock()
	defer p.mu.Unlock()
	p.l = bufconn.Listen(buffer)
	return p.l
}

// Dial makes a gRPC client dial the listener; its address is "passthrough:pipe".
func (p *Pipe) Dial() grpc.DialOption {
	return grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		p.mu.Lock()
		l := p.l
		p.mu.Unlock()
		if l == nil {
			return nil, net.ErrClosed
		}
		return l.DialContext(ctx)
	})
}
