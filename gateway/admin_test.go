package gateway

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

func TestStreamsGoToTheOwner(t *testing.T) {
	g := startGroup(t, 2)
	owner := g.owner("acc-1")
	owner.events = []*pb.Event{{Version: 0}, {Version: 1}}
	streams := pb.NewStreamsClient(g.conn)
	in, err := streams.ReadStream(t.Context(), &pb.ReadStreamRequest{Stream: "accounts", AggregateId: "acc-1"})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		_, err := in.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d events came", n)
	}
	if _, err := streams.Delete(t.Context(), &pb.DeleteRequest{Stream: "accounts", AggregateId: "acc-1"}); err != nil || owner.delete.GetMessageId() == "" {
		t.Errorf("delete: %v; the owner is asked %v", err, owner.delete)
	}
	if _, err := streams.ListStreams(t.Context(), &pb.ListStreamsRequest{}); err != nil {
		t.Error(err)
	}
	for _, req := range []*pb.GetStateRequest{{Stream: "accounts"}, {AggregateId: "a"}, {Stream: "Accounts", AggregateId: "a"}, {Stream: "accounts", AggregateId: "\x00"}} {
		if _, err := streams.GetState(t.Context(), req); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%v is answered %v", req, err)
		}
	}
}

func TestCluster(t *testing.T) {
	g := startGroup(t, 3)
	cluster := pb.NewClusterClient(g.conn)
	ring, err := cluster.GetRing(t.Context(), &pb.GetRingRequest{})
	if err != nil || len(ring.GetRing().GetMembers()) != 3 || len(ring.GetRing().GetAssignment()) != len(g.ring.Assignment.Runs()) {
		t.Errorf("the ring is %v, %v", ring, err)
	}
	all, err := cluster.ShardStatus(t.Context(), &pb.ShardStatusRequest{})
	if err != nil || len(all.GetMembers()) != 3 || all.GetMembers()[2].GetMember().GetId() != "c" {
		t.Errorf("the members are %v, %v", all, err)
	}
	_ = g.members[1].conn.Close()
	one, err := cluster.ShardStatus(t.Context(), &pb.ShardStatusRequest{Member: "b"})
	if err != nil || one.GetMembers()[0].GetUnreachable() == "" || one.GetMembers()[0].GetMember().GetAddress() != "b:7400" {
		t.Errorf("a member that is gone is %v, %v", one, err)
	}
	if _, err := cluster.ShardStatus(t.Context(), &pb.ShardStatusRequest{Member: "z"}); status.Code(err) != codes.NotFound {
		t.Errorf("a member that is not there is %v", err)
	}
	if _, err := cluster.Drain(t.Context(), &pb.DrainRequest{Member: "z"}); status.Code(err) != codes.NotFound {
		t.Errorf("draining it is %v", err)
	}
	if _, err := cluster.GetOwner(t.Context(), &pb.GetOwnerRequest{Stream: "acounts", AggregateId: "a"}); kindOf(err) != pb.Kind_KIND_NOT_FOUND {
		t.Errorf("the owner in a stream that is not declared is %v", err)
	}
	if _, err := cluster.GetOwner(t.Context(), &pb.GetOwnerRequest{Stream: "accounts"}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("the owner of nothing is %v", err)
	}
}

func TestHealth(t *testing.T) {
	g := startGroup(t, 1)
	health := healthpb.NewHealthClient(g.conn)
	for _, service := range []string{"", "ringhold.v1.Dispatcher"} {
		resp, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil || resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("%q is %v, %v", service, resp, err)
		}
	}
	none := startGroup(t, 0)
	resp, err := healthpb.NewHealthClient(none.conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || resp.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("without members: %v, %v", resp, err)
	}
	if got := none.do(t, "GET", "/readyz", "").code; got != 503 {
		t.Errorf("without members /readyz answers %d", got)
	}
}

// A gateway for administration that the network reaches says so, once.
func TestServeWarnsOfTheNetwork(t *testing.T) {
	for address, test := range map[string]struct {
		admin bool
		warns int
	}{
		"0.0.0.0:0":   {true, 1},
		"127.0.0.1:0": {true, 0},
		"[::]:0":      {false, 0},
	} {
		var log bytes.Buffer
		g, err := New(t.Context(), Config{Admin: test.admin, Cluster: Static(View{}), Dial: func(ring.Member) (Conn, error) { return nil, errNowhere }, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		at := l.Addr().String()
		served := make(chan error, 1)
		go func() { served <- g.Serve(l) }()
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", at) // it is served now
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if err := errors.Join(g.Shutdown(t.Context()), <-served); err != nil {
			t.Fatal(err)
		}
		text := log.String()
		if strings.Count(text, "nobody is asked who they are") != test.warns || test.warns > 0 && (!strings.Contains(text, "level=WARN") || !strings.Contains(text, at)) {
			t.Errorf("at %s (admin: %v) the log is %q", address, test.admin, text)
		}
	}
}
