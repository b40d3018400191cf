package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testSlots is the number of slots of the rings of tests.
const testSlots = 64

// patience bounds what a test waits for.
const patience = 20 * time.Second

// bank are the services of most tests.
var bank = []*pb.ServiceInfo{
	{
		Name: "open_account", Doc: "Opens an account.", Stream: "accounts", On: pb.On_ON_NEW, IdField: "id", GeneratesId: true,
		Visibility: pb.Visibility_VISIBILITY_PUBLIC, Access: pb.Access_ACCESS_PUBLIC,
		RequestSchema: `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"id":{"type":"string"},"owner":{"$ref":"#/$defs/Owner"}},"required":["owner"],"$defs":{"Owner":{"type":"object","properties":{"boss":{"$ref":"#/$defs/Owner"}}}}}`,
	},
	{
		Name: "deposit", Stream: "accounts", On: pb.On_ON_EXISTING, IdField: "account_id",
		Visibility: pb.Visibility_VISIBILITY_PUBLIC, Access: pb.Access_ACCESS_PUBLIC,
	},
	{
		Name: "audit", Stream: "accounts", On: pb.On_ON_MAYBE_NEW, IdField: "id",
		Visibility: pb.Visibility_VISIBILITY_PRIVATE, Access: pb.Access_ACCESS_DENIED,
	},
	{Name: "greet", Visibility: pb.Visibility_VISIBILITY_PUBLIC, Access: pb.Access_ACCESS_PUBLIC},
}

// fakeMember is a member that answers as the test wants.
type fakeMember struct {
	pb.UnimplementedDispatcherServer
	pb.UnimplementedStreamsServer
	pb.UnimplementedClusterServer

	id       ring.MemberID
	services []*pb.ServiceInfo
	// run is called for each message, in the order of arrival, and replies
	// whenever it likes. Nil: everything is ok.
	run    func(req *pb.DispatchRequest, reply func(message.Response))
	events []*pb.Event // of every stream
	listed *pb.ListStreamsRequest
	delete *pb.DeleteRequest

	mute  atomic.Bool // heartbeats are not answered
	epoch atomic.Uint64

	conn *grpc.ClientConn

	mu   sync.Mutex
	got  []*pb.DispatchRequest
	cuts []context.CancelFunc                   // of the open streams
	open sync.Cond                              // something of the above changed
	lost int                                    // answers whose stream was gone
	send func(*pb.DispatchStreamResponse) error // on the newest stream
}

func newFakeMember(t testing.TB, id ring.MemberID) *fakeMember {
	t.Helper()
	m := &fakeMember{id: id, services: bank}
	m.open.L = &m.mu
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.MaxRecvMsgSize(32<<20), grpc.WaitForHandlers(true))
	pb.RegisterDispatcherServer(server, m)
	pb.RegisterStreamsServer(server, m)
	pb.RegisterClusterServer(server, m)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///"+string(id), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	m.conn = conn
	t.Cleanup(func() {
		_ = conn.Close()
		m.cut()
		server.Stop()
		<-served
	})
	return m
}

func (m *fakeMember) ListServices(context.Context, *pb.ListServicesRequest) (*pb.ListServicesResponse, error) {
	return &pb.ListServicesResponse{Services: m.services}, nil
}

func (m *fakeMember) DispatchStream(stream grpc.BidiStreamingServer[pb.DispatchStreamRequest, pb.DispatchStreamResponse]) error {
	ctx, cut := context.WithCancel(stream.Context())
	defer cut()
	m.mu.Lock()
	var sending sync.Mutex
	m.cuts = append(m.cuts, cut)
	m.send = func(resp *pb.DispatchStreamResponse) error {
		sending.Lock()
		defer sending.Unlock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return stream.Send(resp)
	}
	send := m.send
	m.open.Broadcast()
	m.mu.Unlock()
	go func() {
		for {
			in, err := stream.Recv()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					cut()
				}
				return
			}
			if n := in.GetPing(); n != 0 {
				if !m.mute.Load() {
					_ = send(&pb.DispatchStreamResponse{Outcome: &pb.DispatchStreamResponse_Pong{Pong: n}})
				}
				continue
			}
			m.mu.Lock()
			m.got = append(m.got, in.GetRequest())
			m.open.Broadcast()
			m.mu.Unlock()
			reply := func(r message.Response) {
				if send(m.answer(in, r)) != nil {
					m.mu.Lock()
					m.lost++
					m.mu.Unlock()
				}
			}
			if m.run == nil {
				reply(message.OK{})
				continue
			}
			m.run(in.GetRequest(), reply)
		}
	}()
	<-ctx.Done()
	sending.Lock()
	defer sending.Unlock()
	return status.Error(codes.Unavailable, "cut")
}

func (m *fakeMember) answer(in *pb.DispatchStreamRequest, r message.Response) *pb.DispatchStreamResponse {
	parsed, _, _ := wire.ParseRequest(in.GetRequest(), true)
	served := &pb.Served{Member: string(m.id), Slot: in.GetRequest().GetRouting().Slot, Epoch: m.epoch.Load()}
	out := &pb.DispatchStreamResponse{Sequence: in.GetSequence()}
	if resp, st := wire.EncodeResponse(parsed, r, served); st != nil {
		out.Outcome = &pb.DispatchStreamResponse_Error{Error: st.Proto()}
	} else {
		out.Outcome = &pb.DispatchStreamResponse_Response{Response: resp}
	}
	return out
}

// cut breaks the open streams.
func (m *fakeMember) cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, cut := range m.cuts {
		cut()
	}
	m.cuts = nil
}

// await waits until the member has got n messages, and returns them.
func (m *fakeMember) await(t *testing.T, n int) []*pb.DispatchRequest {
	t.Helper()
	late := time.AfterFunc(patience, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.open.Broadcast()
	})
	defer late.Stop()
	deadline := time.Now().Add(patience)
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.got) < n {
		if time.Now().After(deadline) {
			t.Fatalf("member %s got %d messages, not %d", m.id, len(m.got), n)
		}
		m.open.Wait()
	}
	return append([]*pb.DispatchRequest(nil), m.got...)
}

func (m *fakeMember) Authorized(_ context.Context, req *pb.AuthorizedRequest) (*pb.AuthorizedResponse, error) {
	if req.GetRequest().GetService() == "deposit" {
		return &pb.AuthorizedResponse{Reason: "not on Sundays"}, nil
	}
	return &pb.AuthorizedResponse{Allowed: true}, nil
}

func (m *fakeMember) ReadStream(req *pb.ReadStreamRequest, out grpc.ServerStreamingServer[pb.ReadStreamResponse]) error {
	sent := uint64(0)
	for _, e := range m.events {
		if e.GetVersion() < req.GetFromVersion() || req.GetLimit() > 0 && sent == req.GetLimit() {
			continue
		}
		sent++
		if err := out.Send(&pb.ReadStreamResponse{Event: e}); err != nil {
			return err
		}
	}
	return nil
}

func (m *fakeMember) GetState(_ context.Context, req *pb.GetStateRequest) (*pb.GetStateResponse, error) {
	if req.Version != nil && req.GetVersion() > 3 {
		return nil, status.Error(codes.OutOfRange, "the stream has not come that far")
	}
	return &pb.GetStateResponse{
		Stream: req.GetStream(), AggregateId: req.GetAggregateId(), Version: 3,
		State: &pb.Value{Form: &pb.Value_Json{Json: []byte(`{"balance":18446744073709551615}`)}},
	}, nil
}

func (m *fakeMember) ListStreams(_ context.Context, req *pb.ListStreamsRequest) (*pb.ListStreamsResponse, error) {
	m.listed = req
	return &pb.ListStreamsResponse{Streams: []*pb.StreamInfo{{Stream: "accounts", AggregateId: "acc-1", Events: 1}}, NextPageToken: "more"}, nil
}

func (m *fakeMember) Delete(_ context.Context, req *pb.DeleteRequest) (*pb.DeleteResponse, error) {
	m.delete = req
	return &pb.DeleteResponse{Version: 4, MessageId: req.GetMessageId()}, nil
}

func (m *fakeMember) GetOwner(_ context.Context, req *pb.GetOwnerRequest) (*pb.GetOwnerResponse, error) {
	if req.GetStream() != "accounts" {
		return nil, noMember(req.GetStream()) // any refusal that something is not found
	}
	return &pb.GetOwnerResponse{Epoch: 7}, nil
}

func (m *fakeMember) ShardStatus(context.Context, *pb.ShardStatusRequest) (*pb.ShardStatusResponse, error) {
	return &pb.ShardStatusResponse{Members: []*pb.MemberStatus{{Member: &pb.Member{Id: string(m.id)}, Slots: 5}}}, nil
}

func (m *fakeMember) UnloadActor(context.Context, *pb.UnloadActorRequest) (*pb.UnloadActorResponse, error) {
	return &pb.UnloadActorResponse{Unloaded: true}, nil
}

// fakeCluster tells what the test wants.
type fakeCluster struct {
	mu        sync.Mutex
	view      View
	changed   chan struct{}
	refreshed atomic.Int32
}

func newFakeCluster(v View) *fakeCluster {
	return &fakeCluster{view: v, changed: make(chan struct{}, 1)}
}

func (c *fakeCluster) Watch(ctx context.Context, learn func(View)) {
	for {
		c.mu.Lock()
		v := c.view
		c.mu.Unlock()
		learn(v)
		select {
		case <-c.changed:
		case <-ctx.Done():
			return
		}
	}
}

func (c *fakeCluster) Refresh() { c.refreshed.Add(1) }

// set tells a view.
func (c *fakeCluster) set(v View) {
	c.mu.Lock()
	c.view = v
	c.mu.Unlock()
	signal(c.changed)
}

// group is a gateway in front of fake members, served on loopback.
type group struct {
	gateway *Gateway
	members []*fakeMember
	ring    *ring.Ring
	cluster *fakeCluster
	addr    string
	conn    *grpc.ClientConn
	calls   pb.DispatcherClient
	http    *http.Client
}

// startGroup starts n members and their gateway; prepare may change both before.
func startGroup(t testing.TB, n int, prepare ...func(*Config, []*fakeMember)) *group {
	t.Helper()
	out := &group{}
	var members []ring.Member
	cfg := Config{Admin: true, Logger: slog.New(slog.DiscardHandler)}
	for i := range n {
		m := newFakeMember(t, ring.MemberID(rune('a'+i)))
		out.members = append(out.members, m)
		members = append(members, ring.Member{ID: m.id, Address: string(m.id) + ":7400"})
	}
	var err error
	if n > 0 {
		if out.ring, err = ring.Assign(&ring.Ring{Slots: testSlots}, members, nil); err != nil {
			t.Fatal(err)
		}
	}
	out.cluster = newFakeCluster(View{Ring: out.ring, Members: members, Membership: 1})
	cfg.Cluster = out.cluster
	cfg.Dial = func(m ring.Member) (Conn, error) {
		for _, fake := range out.members {
			if fake.id == m.ID {
				return Borrowed(fake.conn), nil
			}
		}
		return nil, fmt.Errorf("there is no member %s", m.ID)
	}
	for _, p := range prepare {
		p(&cfg, out.members)
	}
	if out.gateway, err = New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out.addr = listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- out.gateway.Serve(listener) }()
	out.conn, err = grpc.NewClient(out.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	out.calls = pb.NewDispatcherClient(out.conn)
	out.http = &http.Client{Transport: &http.Transport{}, Timeout: patience}
	t.Cleanup(func() {
		_ = out.conn.Close()
		out.http.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := out.gateway.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return out
}

// owner returns the member that owns an account.
func (g *group) owner(id string) *fakeMember {
	m, _ := g.ring.Owner(ring.SlotOf(message.StreamName("accounts").Of(message.AggregateID(id)), testSlots))
	for _, fake := range g.members {
		if fake.id == m.ID {
			return fake
		}
	}
	return nil
}

// request is a message with a JSON body.
func request(service, body string) *pb.DispatchRequest {
	return &pb.DispatchRequest{Service: service, Request: &pb.DispatchRequest_Json{Json: []byte(body)}}
}

// kindOf returns the kind of an error's refusal.
func kindOf(err error) pb.Kind { return wire.RefusalOf(status.Convert(err)).GetKind() }
