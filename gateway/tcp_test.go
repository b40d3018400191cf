package gateway

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// serveTCP has a member serve on loopback, until stop or the end of the test.
func (m *fakeMember) serveTCP(t *testing.T, address string) (at string, stop func()) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterDispatcherServer(server, m)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	stop = func() {
		server.Stop()
		m.cut()
	}
	t.Cleanup(func() {
		stop()
		<-served
	})
	return listener.Addr().String(), stop
}

// overTCP has the gateway reach its members over loopback, and returns how to
// stop each one and where it was.
func overTCP(t *testing.T, stops map[ring.MemberID]func(), addresses map[ring.MemberID]string) func(*Config, []*fakeMember) {
	return func(cfg *Config, members []*fakeMember) {
		for _, m := range members {
			addresses[m.id], stops[m.id] = m.serveTCP(t, "127.0.0.1:0")
		}
		cfg.Dial = func(m ring.Member) (Conn, error) {
			return grpc.NewClient("passthrough:///"+addresses[m.ID], grpc.WithTransportCredentials(insecure.NewCredentials()))
		}
	}
}

// A process that ends leaves its messages to the others at once, and gets the
// next ones when it is back.
func TestMemberEndsAndComesBack(t *testing.T) {
	stops, addresses := map[ring.MemberID]func(){}, map[ring.MemberID]string{}
	g := startGroup(t, 2, overTCP(t, stops, addresses))
	owner := g.owner("x")
	other := g.members[0]
	if other == owner {
		other = g.members[1]
	}
	var back atomic.Bool
	owner.run = func(_ *pb.DispatchRequest, reply func(message.Response)) {
		if back.Load() {
			reply(message.OK{})
		}
	}
	stream, err := g.calls.DispatchStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const all = 200
	for i := range all {
		req := request("deposit", `{"account_id":"x"}`)
		req.MessageId, req.Timeout = fmt.Sprint(i), durationpb.New(patience)
		if err := stream.Send(&pb.DispatchStreamRequest{Sequence: uint64(i + 1), Request: req}); err != nil {
			t.Fatal(err)
		}
	}
	owner.await(t, all)
	began := time.Now()
	stops[owner.id]()
	for range all {
		resp, err := stream.Recv()
		if err != nil || resp.GetResponse().GetServed().GetMember() != string(other.id) {
			t.Fatalf("got %v, %v", resp, err)
		}
	}
	if took := time.Since(began); took > beatPeriod*maxSilentBeats {
		t.Errorf("it took %v", took)
	}
	for i, req := range other.await(t, all) {
		if req.GetMessageId() != fmt.Sprint(i) || req.GetRouting().GetFirstAttempt() {
			t.Fatalf("number %d is %v", i, req)
		}
	}
	back.Store(true)
	owner.serveTCP(t, addresses[owner.id])
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		resp, err := g.calls.Dispatch(ctx, request("deposit", `{"account_id":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		if resp.GetServed().GetMember() == string(owner.id) {
			break
		}
	}
}

// A member that takes everything and says nothing is left within a second or so.
func TestSilentMemberOverTCP(t *testing.T) {
	stops, addresses := map[ring.MemberID]func(){}, map[ring.MemberID]string{}
	g := startGroup(t, 2, overTCP(t, stops, addresses))
	owner := g.owner("x")
	owner.run = func(*pb.DispatchRequest, func(message.Response)) {}
	owner.mute.Store(true)
	began := time.Now()
	resp, err := g.calls.Dispatch(t.Context(), request("deposit", `{"account_id":"x"}`))
	if err != nil || resp.GetServed().GetMember() == string(owner.id) {
		t.Fatalf("got %v, %v", resp, err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}
