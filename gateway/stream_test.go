package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// 10,000 pipelined messages to 100 accounts on three members: each account gets
// its own in the order in which they were sent, and each is answered once.
func TestOrderPerAggregate(t *testing.T) {
	const accounts, each = 100, 100
	var mu sync.Mutex
	seen := map[string][]string{}
	run := func(req *pb.DispatchRequest, reply func(message.Response)) {
		mu.Lock()
		id := req.GetRouting().GetAggregateId()
		seen[id] = append(seen[id], req.GetMessageId())
		late := len(seen[id])%3 == 0
		mu.Unlock()
		if late { // answers come as they are ready
			go reply(message.OK{})
			return
		}
		reply(message.OK{})
	}
	g := startGroup(t, 3, func(_ *Config, members []*fakeMember) {
		for _, m := range members {
			m.run = run
		}
	})
	stream, err := g.calls.DispatchStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var sending sync.WaitGroup
	sending.Go(func() {
		for i := range accounts * each {
			req := request("deposit", fmt.Sprintf(`{"account_id":"acc-%d"}`, i%accounts))
			req.MessageId = fmt.Sprint(i)
			req.Timeout = durationpb.New(patience)
			if err := stream.Send(&pb.DispatchStreamRequest{Sequence: uint64(i + 1), Request: req}); err != nil {
				t.Error(err)
				return
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Error(err)
		}
	})
	answered := make([]bool, accounts*each+1)
	for range accounts * each {
		resp, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if resp.GetResponse().GetMessageId() != fmt.Sprint(resp.GetSequence()-1) || answered[resp.GetSequence()] {
			t.Fatalf("sequence %d is answered with %v", resp.GetSequence(), resp.GetOutcome())
		}
		answered[resp.GetSequence()] = true
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ends with %v", err)
	}
	sending.Wait()
	for id, ids := range seen {
		var account int
		if _, err := fmt.Sscanf(id, "acc-%d", &account); err != nil {
			t.Fatal(err)
		}
		for n, got := range ids {
			if want := fmt.Sprint(n*accounts + account); got != want {
				t.Fatalf("message %d of %s is %s, want %s", n, id, got, want)
			}
		}
	}
	if len(seen) != accounts {
		t.Errorf("%d accounts were reached", len(seen))
	}
}

func TestStreamAnswersEachOnItsOwn(t *testing.T) {
	g := startGroup(t, 1, func(_ *Config, members []*fakeMember) {
		members[0].run = func(req *pb.DispatchRequest, reply func(message.Response)) {
			if req.GetRouting().GetAggregateId() != "slow" {
				reply(message.OK{Value: message.Value{JSON: []byte(`{"balance":5}`)}})
			}
		}
	})
	stream, err := g.calls.DispatchStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slow := request("deposit", `{"account_id":"slow"}`)
	slow.Timeout = durationpb.New(50 * time.Millisecond)
	object, err := structpb.NewStruct(map[string]any{"account_id": "a"})
	if err != nil {
		t.Fatal(err)
	}
	for i, req := range []*pb.DispatchRequest{
		slow,
		{Service: "deposit", Request: &pb.DispatchRequest_Object{Object: object}},
		request("nope", `{}`),
		request("deposit", `{"account_id":`),
		nil,
		{Service: "greet", Routing: &pb.Routing{}},
	} {
		if err := stream.Send(&pb.DispatchStreamRequest{Sequence: uint64(10 * (i + 1)), Request: req}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[uint64]codes.Code{
		10: codes.DeadlineExceeded, 20: codes.OK, 30: codes.Unimplemented, 40: codes.InvalidArgument, 50: codes.InvalidArgument, 60: codes.InvalidArgument,
	}
	for range len(want) {
		resp, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if got := codes.Code(resp.GetError().GetCode()); got != want[resp.GetSequence()] {
			t.Errorf("sequence %d is answered %v, want %v", resp.GetSequence(), got, want[resp.GetSequence()])
		}
		if resp.GetSequence() == 20 && resp.GetResponse().GetOk().GetValue().GetObject() == nil {
			t.Errorf("who sent an object reads %v", resp.GetResponse())
		}
	}
}

func TestSequencesHaveToGrow(t *testing.T) {
	g := startGroup(t, 1)
	for _, sequences := range [][]uint64{{0}, {5, 5}, {5, 4}} {
		stream, err := g.calls.DispatchStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range sequences {
			if err := stream.Send(&pb.DispatchStreamRequest{Sequence: n, Request: request("deposit", `{"account_id":"a"}`)}); err != nil {
				t.Fatal(err)
			}
		}
		for err == nil {
			_, err = stream.Recv()
		}
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "sequence") {
			t.Errorf("sequences %v end with %v", sequences, err)
		}
	}
}

// A caller may send more than the window holds: it is held back, and all is
// answered.
func TestMoreThanTheWindow(t *testing.T) {
	release := make(chan struct{})
	g := startGroup(t, 1, func(_ *Config, members []*fakeMember) {
		members[0].run = func(_ *pb.DispatchRequest, reply func(message.Response)) {
			go func() {
				<-release
				reply(message.OK{})
			}()
		}
	})
	stream, err := g.calls.DispatchStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const all = 3 * windowItems
	var sending sync.WaitGroup
	sending.Go(func() {
		for i := range all {
			req := request("deposit", `{"account_id":"a"}`)
			req.Timeout = durationpb.New(patience)
			if err := stream.Send(&pb.DispatchStreamRequest{Sequence: uint64(i + 1), Request: req}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	g.members[0].await(t, windowItems)
	close(release)
	for range all {
		if resp, err := stream.Recv(); err != nil || resp.GetResponse() == nil {
			t.Fatalf("got %v, %v", resp, err)
		}
	}
	sending.Wait()
	if got := len(g.members[0].await(t, all)); got != all {
		t.Errorf("the member got %d", got)
	}
}

// contextStream is a stream of which only the context is looked at.
type contextStream struct {
	callerStream
	ctx context.Context
}

func (s contextStream) Context() context.Context { return s.ctx }

func TestRoomInTheWindow(t *testing.T) {
	for name, test := range map[string]struct {
		open, bytes, size int
		fits              bool
	}{
		"empty":                   {0, 0, 100, true},
		"one larger than all":     {0, 0, 2 * windowBytes, true},
		"the last":                {windowItems - 1, 100, 100, true},
		"full":                    {windowItems, 100, 100, false},
		"full of bytes":           {1, windowBytes, 1, false},
		"a large one beside one":  {1, 100, windowBytes, false},
		"as many bytes as go in ": {1, 100, windowBytes - 100, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			c := &conversation{
				gateway: &Gateway{draining: make(chan struct{})}, stream: contextStream{ctx: ctx},
				changed: make(chan struct{}, 1), room: make(chan struct{}, 1), open: test.open, bytes: test.bytes,
			}
			got := make(chan bool, 1)
			go func() { got <- c.waitForRoom(test.size) }()
			synctest.Wait()
			if fits := len(got) == 1; fits != test.fits {
				t.Errorf("%s: fits is %v", name, fits)
			}
			if !test.fits { // whatever is sent makes room
				for range test.open {
					c.sent(test.bytes / test.open)
				}
			}
			synctest.Wait()
			if len(got) != 1 || !<-got {
				t.Errorf("%s: there is no room after all was sent", name)
			}
			cancel()
		})
	}
}

// Shutdown tells streams to go elsewhere, answers what it has accepted, and
// then ends them well.
func TestShutdownDrainsStreams(t *testing.T) {
	release := make(chan struct{})
	g := startGroup(t, 1, func(_ *Config, members []*fakeMember) {
		members[0].run = func(_ *pb.DispatchRequest, reply func(message.Response)) {
			go func() {
				<-release
				reply(message.OK{})
			}()
		}
	})
	stream, err := g.calls.DispatchStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&pb.DispatchStreamRequest{Sequence: 41, Request: request("deposit", `{"account_id":"a"}`)}); err != nil {
		t.Fatal(err)
	}
	g.members[0].await(t, 1)
	stopped := make(chan error, 1)
	go func() { stopped <- g.gateway.Shutdown(context.WithoutCancel(t.Context())) }()
	resp, err := stream.Recv()
	if err != nil || resp.GetDrain() == nil || resp.GetDrain().GetLastSequence() != 41 {
		t.Fatalf("instead of a drain came %v, %v", resp, err)
	}
	close(release)
	if resp, err := stream.Recv(); err != nil || resp.GetSequence() != 41 || resp.GetResponse() == nil {
		t.Fatalf("what was accepted is answered with %v, %v", resp, err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ends with %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// Shutdown that must not wait cuts off what is open.
func TestShutdownThatIsCutShort(t *testing.T) {
	g := startGroup(t, 1, func(_ *Config, members []*fakeMember) {
		members[0].run = func(*pb.DispatchRequest, func(message.Response)) {}
	})
	failed := make(chan error, 1)
	go func() {
		_, err := g.calls.Dispatch(t.Context(), request("deposit", `{"account_id":"a"}`))
		failed <- err
	}()
	g.members[0].await(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.gateway.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown says %v", err)
	}
	if err := <-failed; status.Code(err) != codes.Unavailable && status.Code(err) != codes.Canceled {
		t.Errorf("the open call ends with %v", err)
	}
}

// A fault of the gateway's own fails its call and nothing else.
func TestPanics(t *testing.T) {
	var broken atomic.Bool
	g := startGroup(t, 1, func(cfg *Config, _ []*fakeMember) {
		cfg.Observer = dispatch.ObserverFunc(func(e dispatch.Event) {
			if e.Step == dispatch.StepDiscovering && broken.Load() {
				panic("no observations today")
			}
		})
	})
	stream, err := g.calls.DispatchStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	if err := stream.Send(&pb.DispatchStreamRequest{Sequence: 1, Request: request("deposit", `{"account_id":"a"}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Internal {
		t.Errorf("the stream ends with %v", err)
	}
	if _, err := g.calls.Dispatch(t.Context(), request("deposit", `{"account_id":"a"}`)); status.Code(err) != codes.Internal {
		t.Errorf("the call ends with %v", err)
	}
	if answer := g.do(t, "POST", "/v1/services/deposit", `{"account_id":"a"}`); answer.code != 500 {
		t.Errorf("the request is answered %d %s", answer.code, answer.text)
	}
	broken.Store(false)
	if _, err := g.calls.Dispatch(t.Context(), request("deposit", `{"account_id":"a"}`)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
