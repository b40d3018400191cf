package shard_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/ringhold/ringhold/api/manifest"
	"github.com/ringhold/ringhold/examples/bank"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/shard"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/memory"
	"github.com/ringhold/ringhold/store/postgres"
)

// startBank starts the bank on one member and returns the connection to it.
func startBank(t *testing.T) *grpc.ClientConn {
	t.Helper()
	return startBankOn(t, memory.New(memory.Config{Group: "default.bank"}), slog.New(slog.DiscardHandler))
}

func startBankOn(t *testing.T, s store.Store, log *slog.Logger) *grpc.ClientConn {
	t.Helper()
	const file = "../examples/bank/aggregateservice.yaml"
	m, err := manifest.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := shard.Resolve(file, m, shard.Binary{Hosted: []shard.Hosted{bank.Accounts, bank.Greet}})
	if err != nil {
		t.Fatal(err)
	}
	local, err := shard.StartLocal(t.Context(), shard.LocalConfig{
		Store: s, Plan: plan, Members: 1, Logger: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := local.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	for _, conn := range local.Conns() {
		return conn
	}
	t.Fatal("there is no member")
	return nil
}

func request(service, body string) *pb.DispatchRequest {
	return &pb.DispatchRequest{Service: service, Request: &pb.DispatchRequest_Json{Json: []byte(body)}}
}

// read reads a stream to its end.
func read(t *testing.T, conn *grpc.ClientConn, req *pb.ReadStreamRequest) (events []*pb.Event, err error) {
	t.Helper()
	in, err := pb.NewStreamsClient(conn).ReadStream(t.Context(), req)
	for err == nil {
		var next *pb.ReadStreamResponse
		if next, err = in.Recv(); err == nil {
			events = append(events, next.GetEvent())
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return events, err
}

// Whoever mistypes a stream is told which ones there are, whatever is asked of it.
func TestServer_NoSuchStream(t *testing.T) {
	conn := startBank(t)
	streams, cluster := pb.NewStreamsClient(conn), pb.NewClusterClient(conn)
	const stream, id = "acounts", "acc-1"
	for what, call := range map[string]func() error{
		"GetState": func() error {
			_, err := streams.GetState(t.Context(), &pb.GetStateRequest{Stream: stream, AggregateId: id})
			return err
		},
		"GetState at a version": func() error {
			_, err := streams.GetState(t.Context(), &pb.GetStateRequest{Stream: stream, AggregateId: id, Version: proto.Int64(0)})
			return err
		},
		"Delete": func() error {
			_, err := streams.Delete(t.Context(), &pb.DeleteRequest{Stream: stream, AggregateId: id})
			return err
		},
		"ListStreams": func() error {
			_, err := streams.ListStreams(t.Context(), &pb.ListStreamsRequest{Stream: stream})
			return err
		},
		"ReadStream": func() error {
			_, err := read(t, conn, &pb.ReadStreamRequest{Stream: stream, AggregateId: id})
			return err
		},
		"UnloadActor": func() error {
			_, err := cluster.UnloadActor(t.Context(), &pb.UnloadActorRequest{Stream: stream, AggregateId: id})
			return err
		},
		"GetOwner": func() error {
			_, err := cluster.GetOwner(t.Context(), &pb.GetOwnerRequest{Stream: stream, AggregateId: id})
			return err
		},
	} {
		st := status.Convert(call())
		if want := `no stream "acounts" is declared, there are: accounts`; st.Code() != codes.NotFound || st.Message() != want {
			t.Errorf("%s is answered %v", what, st)
		}
		if r := wire.RefusalOf(st); r.GetKind() != pb.Kind_KIND_NOT_FOUND || r.GetService() != "" {
			t.Errorf("the refusal of %s is %v", what, r)
		}
	}
}

// A stream that never had an event is not found; behind the end of one there is
// nothing more.
func TestServer_ReadStreamOfNobody(t *testing.T) {
	conn := startBank(t)
	if _, err := pb.NewDispatcherClient(conn).Dispatch(t.Context(), request("open_account", `{"id":"acc-1","owner":"Ada"}`)); err != nil {
		t.Fatal(err)
	}
	_, err := read(t, conn, &pb.ReadStreamRequest{Stream: "accounts", AggregateId: "acc-2"})
	if r := wire.RefusalOf(status.Convert(err)); r.GetKind() != pb.Kind_KIND_NOT_FOUND || r.GetAggregateId() != "acc-2" {
		t.Errorf("an account that was never opened: %v", err)
	}
	if events, err := read(t, conn, &pb.ReadStreamRequest{Stream: "accounts", AggregateId: "acc-1"}); err != nil || len(events) != 1 {
		t.Errorf("one that was: %v, %v", events, err)
	}
	if events, err := read(t, conn, &pb.ReadStreamRequest{Stream: "accounts", AggregateId: "acc-1", FromVersion: 7}); err != nil || len(events) != 0 {
		t.Errorf("behind its end: %v, %v", events, err)
	}
}

// The names that work has within the member stay there.
func TestServer_RefusalsNameNoInternals(t *testing.T) {
	conn := startBank(t)
	_, err := pb.NewStreamsClient(conn).GetState(t.Context(), &pb.GetStateRequest{Stream: "accounts", AggregateId: "none"})
	_, deleted := pb.NewStreamsClient(conn).Delete(t.Context(), &pb.DeleteRequest{Stream: "accounts", AggregateId: "none"})
	for _, err := range []error{err, deleted} {
		st := status.Convert(err)
		if st.Code() != codes.NotFound || strings.Contains(st.Proto().String(), "$") {
			t.Errorf("got %v with %v", err, wire.RefusalOf(st))
		}
	}
}

// A version that is expected of what has none is refused, on every way in.
func TestServer_ExpectedVersionOfNoAggregate(t *testing.T) {
	conn := startBank(t)
	req := request("greet", `{"name":"Ada"}`)
	req.ExpectedVersion = proto.Int64(3)
	calls := pb.NewDispatcherClient(conn)
	_, one := calls.Dispatch(t.Context(), req)
	_, dry := calls.Validate(t.Context(), req)
	stream, err := calls.DispatchStream(t.Context())
	if err == nil {
		err = stream.Send(&pb.DispatchStreamRequest{Sequence: 1, Request: req})
	}
	if err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range []*status.Status{status.Convert(one), status.Convert(dry), status.FromProto(answer.GetError())} {
		if wire.RefusalOf(st).GetKind() != pb.Kind_KIND_INVALID_REQUEST {
			t.Errorf("got %v", st)
		}
	}
	if _, err := calls.Dispatch(t.Context(), request("greet", `{"name":"Ada"}`)); err != nil {
		t.Errorf("without one: %v", err)
	}
	if resp, err := calls.Authorized(t.Context(), &pb.AuthorizedRequest{Request: &pb.DispatchRequest{Service: "deposit"}}); err != nil || !resp.GetAllowed() {
		t.Errorf("deposit of nobody: %v, %v", resp, err)
	}
}

// talkative is a store that says who and where it is when it is read.
type talkative struct{ *memory.Store }

func (talkative) fault() error {
	return &postgres.Error{Doing: "read from", URL: "postgres://app@10.0.0.7/bank", Err: errors.New("permission denied"), Advice: "GRANT"}
}

func (s talkative) ReadStream(context.Context, message.Stream, message.Version, int) ([]store.Event, error) {
	return nil, s.fault()
}

func (s talkative) ListStreams(context.Context, store.StreamQuery) ([]store.StreamInfo, error) {
	return nil, s.fault()
}

// What the store says of itself is for the log, not for callers.
func TestServer_StoreFaultsAreForTheLog(t *testing.T) {
	var log lines
	streams := pb.NewStreamsClient(startBankOn(t, talkative{memory.New(memory.Config{Group: "default.bank"})}, slog.New(slog.NewTextHandler(&log, nil))))
	_, listed := streams.ListStreams(t.Context(), &pb.ListStreamsRequest{})
	at := int64(0)
	_, state := streams.GetState(t.Context(), &pb.GetStateRequest{Stream: "accounts", AggregateId: "a", Version: &at})
	reading, err := streams.ReadStream(t.Context(), &pb.ReadStreamRequest{Stream: "accounts", AggregateId: "a"})
	if err != nil {
		t.Fatal(err)
	}
	_, events := reading.Recv()
	for what, err := range map[string]error{"list streams": listed, "rebuild the state": state, "read the stream": events} {
		st := status.Convert(err)
		if text := st.Proto().String(); st.Code() != codes.Unavailable || !strings.Contains(text, "the log of the member says why") || strings.Contains(text, "10.0.0.7") || strings.Contains(text, "GRANT") {
			t.Errorf("%s: %s", what, text)
		}
		if !strings.Contains(log.String(), what) {
			t.Errorf("the log does not say %s", what)
		}
	}
	if !strings.Contains(log.String(), "10.0.0.7") || !strings.Contains(log.String(), "permission denied") {
		t.Errorf("the log says %s", log.String())
	}
}

// lines is what is written to a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
