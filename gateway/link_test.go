package gateway

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// What a broken link left open is sent again with the same id, as no first
// attempt, and its caller notices nothing.
func TestBrokenLinkIsRetried(t *testing.T) {
	var attempts atomic.Int32
	g := startGroup(t, 1, func(_ *Config, members []*fakeMember) {
		m := members[0]
		m.run = func(_ *pb.DispatchRequest, reply func(message.Response)) {
			if attempts.Add(1) == 1 {
				m.cut()
				return
			}
			reply(message.OK{Version: 7, HasVersion: true})
		}
	})
	resp, err := g.calls.Dispatch(t.Context(), request("deposit", `{"account_id":"a"}`))
	if err != nil || resp.GetOk().GetVersion() != 7 {
		t.Fatalf("got %v, %v", resp, err)
	}
	got := g.members[0].await(t, 2)
	if got[0].GetMessageId() != got[1].GetMessageId() || got[1].GetMessageId() != resp.GetMessageId() {
		t.Errorf("the message had the ids %q, then %q; its answer names %q", got[0].GetMessageId(), got[1].GetMessageId(), resp.GetMessageId())
	}
	if !got[0].GetRouting().GetFirstAttempt() || got[1].GetRouting().GetFirstAttempt() {
		t.Error("only the first attempt is one")
	}
	if len(got) != 2 {
		t.Errorf("the member got it %d times", len(got))
	}
}

// A service without an aggregate remembers nothing: it must not run twice.
func TestServiceWithoutAggregateIsNotRetried(t *testing.T) {
	g := startGroup(t, 1, func(_ *Config, members []*fakeMember) {
		m := members[0]
		m.run = func(*pb.DispatchRequest, func(message.Response)) { m.cut() }
	})
	_, err := g.calls.Dispatch(t.Context(), &pb.DispatchRequest{Service: "greet"})
	if status.Code(err) != codes.DeadlineExceeded || kindOf(err) != pb.Kind_KIND_SERVICE_TIMEOUT {
		t.Errorf("got %v", err)
	}
	if n := len(g.members[0].await(t, 1)); n != 1 {
		t.Errorf("the member got it %d times", n)
	}
}

// What waited when the link broke goes again before what came later, in order.
func TestRetryKeepsTheOrder(t *testing.T) {
	const all = 100
	var mu sync.Mutex
	var broken bool
	var after []string
	g := startGroup(t, 1, func(_ *Config, members []*fakeMember) {
		m := members[0]
		m.run = func(req *pb.DispatchRequest, reply func(message.Response)) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case broken:
				after = append(after, req.GetMessageId())
				reply(message.OK{})
			case req.GetMessageId() == fmt.Sprint(all/2):
				broken = true
				m.cut()
			}
		}
	})
	stream, err := g.calls.DispatchStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		req := request("deposit", `{"account_id":"a"}`)
		req.MessageId = fmt.Sprint(i)
		if err := stream.Send(&pb.DispatchStreamRequest{Sequence: uint64(i + 1), Request: req}); err != nil {
			t.Fatal(err)
		}
	}
	for range all {
		resp, err := stream.Recv()
		if err != nil || resp.GetResponse() == nil {
			t.Fatalf("got %v, %v", resp, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	// The old stream may have brought some after it broke, but its answers were
	// lost: the new one has them all, in order.
	tail := after[max(0, len(after)-all):]
	for i, id := range tail {
		if id != fmt.Sprint(i) {
			t.Fatalf("number %d of %d after the break is %s", i, len(tail), id)
		}
	}
}

// A member that drains is sent no more, answers what it has, and gets the rest
// when it is back.
func TestMemberDrains(t *testing.T) {
	first := make(chan func(message.Response), 1)
	g := startGroup(t, 1, func(_ *Config, members []*fakeMember) {
		members[0].run = func(req *pb.DispatchRequest, reply func(message.Response)) {
			if req.GetMessageId() == "first" {
				first <- reply
				return
			}
			reply(message.OK{})
		}
	})
	m, l := g.members[0], g.gateway.members.linkOf("a")
	stream, err := g.calls.DispatchStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	send := func(sequence uint64, id string) {
		req := request("deposit", `{"account_id":"a"}`)
		req.MessageId = id
		if err := stream.Send(&pb.DispatchStreamRequest{Sequence: sequence, Request: req}); err != nil {
			t.Fatal(err)
		}
	}
	send(1, "first")
	reply := <-first
	drain := &pb.DispatchStreamResponse{Outcome: &pb.DispatchStreamResponse_Drain{Drain: &pb.Drain{LastSequence: 1}}}
	if err := m.send(drain); err != nil {
		t.Fatal(err)
	}
	// A service that any member can run shows when the link has taken it in.
	for {
		if _, err := g.calls.Dispatch(t.Context(), &pb.DispatchRequest{Service: "greet"}); err != nil {
			break
		}
	}
	if l.isUp() {
		t.Error("the link is up")
	}
	before := len(m.await(t, 1))
	send(2, "second")
	reply(message.OK{Version: 1, HasVersion: true})
	if resp, err := stream.Recv(); err != nil || resp.GetSequence() != 1 || resp.GetResponse() == nil {
		t.Fatalf("got %v, %v", resp, err)
	}
	m.cut()
	if resp, err := stream.Recv(); err != nil || resp.GetSequence() != 2 || resp.GetResponse() == nil {
		t.Fatalf("got %v, %v", resp, err)
	}
	if got := m.await(t, before+1)[before:]; len(got) != 1 || got[0].GetMessageId() != "second" {
		t.Errorf("after the drain the member got %v", got)
	}
}

func TestNeverAnsweredIsATimeout(t *testing.T) {
	g := startGroup(t, 1, func(_ *Config, members []*fakeMember) {
		members[0].run = func(*pb.DispatchRequest, func(message.Response)) {}
	})
	req := request("deposit", `{"account_id":"a"}`)
	req.Timeout = durationpb.New(30 * time.Millisecond)
	_, err := g.calls.Dispatch(t.Context(), req)
	if kindOf(err) != pb.Kind_KIND_SERVICE_TIMEOUT {
		t.Errorf("got %v", err)
	}
}
