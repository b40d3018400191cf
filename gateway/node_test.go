package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// node is a member without a network, for tests in virtual time.
type node struct {
	id ring.MemberID
	// handle is called for each message of a stream, in order. Nil: it is kept.
	handle func(*arrival)

	mu       sync.Mutex
	refuses  bool // connections
	mute     bool // it says nothing, as if it were cut off
	open     []*nodeStream
	arrivals []*arrival
	pings    int
	dials    int
	closed   int // connections that the gateway has closed
}

// arrival is a message that came to a node.
type arrival struct {
	node     *node
	stream   *nodeStream
	req      *pb.DispatchRequest
	sequence uint64
	at       time.Time
}

func (a *arrival) id() string { return a.req.GetMessageId() }

// reply answers in an epoch, 0 for none.
func (a *arrival) reply(r message.Response, epoch uint64) {
	m, _, _ := wire.ParseRequest(a.req, true)
	served := &pb.Served{Member: string(a.node.id), Slot: a.req.GetRouting().Slot, Epoch: epoch}
	out := &pb.DispatchStreamResponse{Sequence: a.sequence}
	if resp, st := wire.EncodeResponse(m, r, served); st != nil {
		out.Outcome = &pb.DispatchStreamResponse_Error{Error: st.Proto()}
	} else {
		out.Outcome = &pb.DispatchStreamResponse_Response{Response: resp}
	}
	a.stream.say(out)
}

func (n *node) locked(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

// does says what becomes of the next messages; see handle.
func (n *node) does(handle func(*arrival)) { n.locked(func() { n.handle = handle }) }

func (n *node) dial() (Conn, error) {
	n.locked(func() { n.dials++ })
	return &nodeConn{node: n}, nil
}

// pass lets time pass, in a bubble.
func pass(d time.Duration) { <-time.After(d) }

// got are the ids of the messages that came, in order.
func (n *node) got() (out []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range n.arrivals {
		out = append(out, a.id())
	}
	return out
}

func (n *node) arrived() []*arrival {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.arrivals)
}

// reset breaks the open streams, as a process that ends does.
func (n *node) reset() {
	n.mu.Lock()
	open := n.open
	n.open = nil
	n.mu.Unlock()
	for _, s := range open {
		s.end()
	}
}

// cut makes a node silent, and deaf to what is sent: all that is on its way stays
// there.
func (n *node) cut(mute bool) { n.locked(func() { n.mute = mute }) }

func (n *node) isMute() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mute
}

// nodeConn is one connection to a node.
type nodeConn struct{ node *node }

func (c *nodeConn) Close() error {
	c.node.locked(func() { c.node.closed++ })
	return nil
}

func (c *nodeConn) Invoke(ctx context.Context, method string, _, reply any, _ ...grpc.CallOption) error {
	n := c.node
	n.mu.Lock()
	refuses, mute := n.refuses, n.mute
	n.mu.Unlock()
	switch services, ok := reply.(*pb.ListServicesResponse); {
	case mute:
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	case refuses:
		return status.Error(codes.Unavailable, "connection refused")
	case ok:
		services.Services = bank
		return nil
	}
	return status.Error(codes.Unimplemented, method)
}

func (c *nodeConn) NewStream(ctx context.Context, _ *grpc.StreamDesc, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	s := &nodeStream{
		node: c.node, ctx: ctx,
		in: make(chan *pb.DispatchStreamRequest, 1<<16), out: make(chan *pb.DispatchStreamResponse, 1<<16), broken: make(chan struct{}),
	}
	c.node.locked(func() { c.node.open = append(c.node.open, s) })
	go s.serve()
	return s, nil
}

// nodeStream is one DispatchStream to a node.
type nodeStream struct {
	node   *node
	ctx    context.Context
	in     chan *pb.DispatchStreamRequest
	out    chan *pb.DispatchStreamResponse
	broken chan struct{}
	once   sync.Once
}

func (s *nodeStream) end() { s.once.Do(func() { close(s.broken) }) }

// alive tells whether an answer can still reach the gateway.
func (s *nodeStream) alive() bool {
	select {
	case <-s.broken:
		return false
	case <-s.ctx.Done():
		return false
	default:
		return true
	}
}

// through waits while the node is cut off; false: the stream is over.
func (s *nodeStream) through() bool {
	for s.alive() && s.node.isMute() {
		pass(5 * time.Millisecond)
	}
	return s.alive()
}

func (s *nodeStream) serve() {
	for {
		select {
		case in := <-s.in:
			s.take(in)
		case <-s.broken:
			return
		case <-s.ctx.Done():
			s.end()
			return
		}
	}
}

func (s *nodeStream) take(in *pb.DispatchStreamRequest) {
	n := s.node
	if !s.through() {
		return
	}
	if ping := in.GetPing(); ping != 0 {
		n.locked(func() { n.pings++ })
		s.say(&pb.DispatchStreamResponse{Outcome: &pb.DispatchStreamResponse_Pong{Pong: ping}})
		return
	}
	a := &arrival{node: n, stream: s, req: in.GetRequest(), sequence: in.GetSequence(), at: time.Now()}
	n.mu.Lock()
	n.arrivals = append(n.arrivals, a)
	handle := n.handle
	n.mu.Unlock()
	if handle != nil {
		handle(a)
	}
}

func (s *nodeStream) say(out *pb.DispatchStreamResponse) {
	if s.alive() {
		s.out <- out
	}
}

func (s *nodeStream) SendMsg(m any) error {
	if !s.alive() {
		return io.EOF
	}
	in, ok := m.(*pb.DispatchStreamRequest)
	if !ok {
		return errors.New("not a request")
	}
	s.in <- proto.CloneOf(in)
	return nil
}

func (s *nodeStream) RecvMsg(m any) error {
	select {
	case <-s.broken:
		return status.Error(codes.Unavailable, "connection reset")
	case <-s.ctx.Done():
		return status.FromContextError(s.ctx.Err()).Err()
	case out := <-s.out:
		to, ok := m.(*pb.DispatchStreamResponse)
		if !ok {
			return errors.New("not a response")
		}
		if !s.through() {
			return status.Error(codes.Unavailable, "connection lost")
		}
		proto.Merge(to, out)
		return nil
	}
}

func (s *nodeStream) Context() context.Context   { return s.ctx }
func (*nodeStream) Header() (metadata.MD, error) { return metadata.MD{}, nil }
func (*nodeStream) Trailer() metadata.MD         { return nil }
func (*nodeStream) CloseSend() error             { return nil }

// town is a gateway before nodes, in virtual time.
type town struct {
	t       *testing.T
	gateway *Gateway
	cluster *fakeCluster
	nodes   map[ring.MemberID]*node
	mu      sync.Mutex
}

// startTown starts nodes of these ids; the ring gives all slots to the first.
func startTown(t *testing.T, ids ...ring.MemberID) *town {
	t.Helper()
	w := &town{t: t, nodes: map[ring.MemberID]*node{}}
	for _, id := range ids {
		w.nodes[id] = &node{id: id}
	}
	w.cluster = newFakeCluster(w.view(1, 1, ids[0], ids...))
	var err error
	w.gateway, err = New(t.Context(), Config{
		Cluster: w.cluster, Logger: slog.New(slog.DiscardHandler),
		Dial: func(m ring.Member) (Conn, error) {
			w.mu.Lock()
			n := w.nodes[m.ID]
			w.mu.Unlock()
			return n.dial()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// stop ends the gateway; it has to be called within the bubble.
func (w *town) stop() {
	if err := w.gateway.Shutdown(context.WithoutCancel(w.t.Context())); err != nil {
		w.t.Error(err)
	}
}

// view is one in which owner has all slots. An id that ends with "!" is leaving.
func (w *town) view(membership uint64, version ring.Number, owner ring.MemberID, ids ...ring.MemberID) View {
	w.t.Helper()
	r := &ring.Ring{Version: version, Slots: testSlots, Members: []ring.Member{{ID: owner}}, Assignment: make(ring.Assignment, testSlots)}
	out := View{Ring: r, Membership: membership}
	for _, id := range ids {
		m := ring.Member{ID: id}
		if id[len(id)-1] == '!' {
			m = ring.Member{ID: id[:len(id)-1], Leaving: true}
		}
		out.Members = append(out.Members, m)
	}
	return out
}

// sent is a message of a test, and its answer.
type sent struct {
	id     string
	answer atomic.Pointer[message.Response]
	times  atomic.Int32
	at     time.Time
}

func (s *sent) outcome() string {
	if r := s.answer.Load(); r != nil {
		return (*r).Outcome()
	}
	return ""
}

// send sends a message to the account on a stream of the caller's, or as a call
// of its own without one.
func (w *town) send(stream *conversation, account, id string, timeout time.Duration) *sent {
	raw, err := message.JSONBody([]byte(`{"account_id":"` + account + `"}`))
	if err != nil {
		w.t.Fatal(err)
	}
	m := message.NewWithID("deposit", message.ID(id), raw)
	m.FirstAttempt = true
	s := &sent{id: id}
	ctx, by := withServed(w.t.Context(), stream)
	w.gateway.dispatcher.Start(ctx, m, func(m *message.Message) {
		by.fair(m)
		s.at = time.Now()
		s.answer.Store(&m.Response)
		s.times.Add(1)
	}, dispatch.Within(timeout))
	return s
}
