package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// Gateway routes messages to the members of a group. It is safe for concurrent
// use.
type Gateway struct {
	cfg        Config
	dispatcher *dispatch.Dispatcher
	permission *dispatch.Dispatcher // asks who may, and is sent no messages
	registry   *dispatch.Registry
	members    *members
	routes     *routes
	way        []dispatch.Node // routes, as Place returns it
	epochs     epochs
	stats      *stats
	turn       atomic.Uint64 // whose turn it is to run a service without an aggregate

	grpc    *grpc.Server
	http    *http.Server
	health  *health.Server
	openAPI openAPI

	arrivals arrivals // of http

	draining chan struct{} // closed by drain
	drained  sync.Once
	shut     sync.Once
	stop     context.CancelFunc // ends what New started
	running  sync.WaitGroup     // that, and the readers of streams

	mu        sync.Mutex
	splitters []*splitter
	stopped   bool // no more Serve
}

// New starts a gateway: it finds and connects the members and waits until each
// has told its services or cannot be reached, at most for ConnectTimeout; it keeps
// trying those that have not.
// An error says what is wrong with the configuration, or that ctx ended. The
// owner calls Serve and, in the end, Shutdown.
func New(ctx context.Context, cfg Config) (*Gateway, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	g := &Gateway{cfg: cfg, draining: make(chan struct{}), stats: newStats()}
	g.routes = newRoutes(g)
	g.way = []dispatch.Node{g.routes}
	g.registry = dispatch.NewRegistry(dispatch.RegistryConfig{Observer: cfg.Observer})
	var err error
	if g.dispatcher, err = g.newDispatcher(g.place); err != nil {
		return nil, err
	}
	if g.permission, err = g.newDispatcher(g.placeQuestion); err != nil {
		return nil, err
	}
	g.members = newMembers(g)
	g.health = health.NewServer()
	g.updateHealth()
	g.grpc = g.newGRPC()
	g.http = g.newHTTP()
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	g.stop = stop
	g.running.Go(func() { g.routes.pace(life) })
	g.running.Go(func() {
		cfg.Cluster.Watch(life, func(v View) { g.members.follow(life, v) })
	})
	if err := g.members.await(ctx, cfg.ConnectTimeout); err != nil {
		return nil, errors.Join(fmt.Errorf("connect the members: %w", err), g.Shutdown(context.WithoutCancel(ctx)))
	}
	return g, nil
}

func (g *Gateway) newDispatcher(place dispatch.Place) (*dispatch.Dispatcher, error) {
	return dispatch.New(dispatch.Config{
		Node: g.cfg.Node, Registry: g.registry, Place: place, Timeout: g.cfg.DefaultTimeout,
		Observer: g.cfg.Observer, Logger: g.cfg.Logger,
	})
}

// Serve takes connections of l until Shutdown, then returns nil; an error says
// why l takes no more. It closes l. It may be called for several listeners.
func (g *Gateway) Serve(l net.Listener) error {
	s := newSplitter(l)
	g.mu.Lock()
	if g.stopped {
		g.mu.Unlock()
		return errors.Join(errors.New("the gateway was shut down"), l.Close())
	}
	g.splitters = append(g.splitters, s)
	g.mu.Unlock()
	g.warnIfOpen(l.Addr())
	var serving sync.WaitGroup
	serving.Go(func() { _ = g.grpc.Serve(s.http2) }) // ends when s does, or at Shutdown
	serving.Go(func() { _ = g.http.Serve(s.http1) })
	err := s.run()
	serving.Wait()
	return err
}

// warnIfOpen says so when the whole network may do what is meant for whoever
// sits at the machine.
func (g *Gateway) warnIfOpen(at net.Addr) {
	if tcp, ok := at.(*net.TCPAddr); g.cfg.Admin && ok && !tcp.IP.IsLoopback() {
		g.cfg.Logger.Warn("nobody is asked who they are: anyone who reaches this address can read, delete and erase",
			slog.String("address", at.String()))
	}
}

// Shutdown stops the gateway without losing what it has accepted: it tells
// clients to go elsewhere, lingers, takes no more connections, finishes what is
// open, and ends the links to the members. When ctx ends first, what is still
// open is cut off, and the error says so. Requests over HTTP whose bodies have
// not come are not accepted yet: they are given half of the time that ctx has,
// and are no error. A second call waits for the first.
func (g *Gateway) Shutdown(ctx context.Context) error {
	var err error
	g.shut.Do(func() { err = g.shutdown(ctx) })
	return err
}

func (g *Gateway) shutdown(ctx context.Context) error {
	g.drain()
	if g.cfg.Linger > 0 {
		wait(ctx, g.cfg.Linger)
	}
	g.mu.Lock()
	g.stopped = true
	splitters := g.splitters
	g.mu.Unlock()
	for _, s := range splitters {
		s.close()
	}
	var finishing sync.WaitGroup
	var httpErr, grpcErr error
	finishing.Go(func() { httpErr = g.finishHTTP(ctx) })
	finishing.Go(func() { grpcErr = g.finishGRPC(ctx) })
	finishing.Wait()
	g.stop()
	g.running.Wait()
	g.routes.close()
	return errors.Join(httpErr, grpcErr, g.dispatcher.Close(ctx))
}

// drain asks clients to go elsewhere: checks of health fail, HTTP answers close
// their connections, streams are told to end.
func (g *Gateway) drain() {
	g.drained.Do(func() {
		g.health.Shutdown()
		close(g.draining)
	})
}

func (g *Gateway) finishHTTP(ctx context.Context) error {
	if at, ok := ctx.Deadline(); ok {
		half := time.AfterFunc(time.Until(at)/2, g.endArrivals)
		defer half.Stop()
	}
	err := g.http.Shutdown(ctx)
	if err == nil {
		return nil
	}
	accepted := g.arrivals.accepted()
	closeErr := g.http.Close()
	if accepted == 0 {
		g.cfg.Logger.WarnContext(ctx, "HTTP connections were cut off: their clients did not send their requests, or did not read their answers")
		return closeErr
	}
	return errors.Join(fmt.Errorf("finish HTTP requests: %w", err), closeErr)
}

func (g *Gateway) finishGRPC(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.grpc.GracefulStop()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		g.grpc.Stop()
		<-done
		return fmt.Errorf("finish gRPC calls: %w", ctx.Err())
	}
}

// ring returns the newest ring that is known, nil as long as none is.
func (g *Gateway) ring() *ring.Ring { return g.members.table.Load().view.Ring }

func (g *Gateway) isDraining() bool {
	select {
	case <-g.draining:
		return true
	default:
		return false
	}
}

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// dispatch has a message run within its time, and returns its answer and where
// it was given; served is nil if no member was reached. A timeout of 0 leaves
// it to ctx, else to the default.
func (g *Gateway) dispatch(ctx context.Context, m *message.Message, timeout time.Duration) (*message.Message, *pb.Served) {
	if refused := g.refuse(m); refused != nil {
		return m.Return(refused), nil
	}
	ctx, served := withServed(ctx, nil)
	answer := g.dispatcher.Dispatch(ctx, m, g.within(ctx, timeout))
	served.fair(answer)
	g.log(ctx, answer)
	return answer, served.get()
}

// within is the time of a message.
func (g *Gateway) within(ctx context.Context, timeout time.Duration) dispatch.Option {
	if timeout <= 0 {
		timeout = g.cfg.DefaultTimeout
		if _, ok := ctx.Deadline(); ok {
			timeout = g.cfg.MaxTimeout // the dispatcher keeps the deadline
		}
	}
	return dispatch.Within(min(timeout, g.cfg.MaxTimeout))
}

// refuse answers what no member need be asked about.
func (g *Gateway) refuse(m *message.Message) message.Response {
	switch {
	case m.Raw.Size() > g.cfg.MaxMessageBytes:
		return message.TooLarge{What: "request", Size: m.Raw.Size(), Limit: g.cfg.MaxMessageBytes}
	case !g.members.haveTold():
		return message.ServiceUnavailable{Service: m.Service, Reason: "no member has told its services yet"}
	}
	return nil
}
