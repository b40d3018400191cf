package ringholdv1_test

import (
	"testing"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// fixtures are the messages whose bytes are kept, by the name of their file.
// Each sets every field that it can, so that no number moves unnoticed.
func fixtures(t *testing.T) map[string]proto.Message {
	t.Helper()
	return map[string]proto.Message{
		"dispatch_request":         request(),
		"dispatch_request_object":  &pb.DispatchRequest{Service: "deposit", Request: &pb.DispatchRequest_Object{Object: object(t)}},
		"dispatch_request_message": &pb.DispatchRequest{Service: "deposit", Request: &pb.DispatchRequest_Message{Message: message(t)}},
		"dispatch_request_routed":  &pb.DispatchRequest{Service: "audit", Routing: routing(t)},
		"dispatch_response_ok": &pb.DispatchResponse{
			MessageId: "m-1", CorrelationId: "c-1", CausationId: "m-0",
			Result: &pb.DispatchResponse_Ok{Ok: &pb.Ok{Version: proto.Int64(-1), Value: json(`{"balance":0}`)}},
			Events: []*pb.Event{event()}, Served: served(),
		},
		"dispatch_response_created": &pb.DispatchResponse{
			MessageId: "m-1",
			Result: &pb.DispatchResponse_Created{Created: &pb.Created{
				Id: "acc-1", Version: proto.Int64(0), Value: &pb.Value{Form: &pb.Value_Message{Message: message(t)}},
			}},
		},
		"dispatch_response_object": &pb.DispatchResponse{
			MessageId: "m-1",
			Result: &pb.DispatchResponse_Ok{Ok: &pb.Ok{
				Value: &pb.Value{Form: &pb.Value_Object{Object: structpb.NewStructValue(object(t))}},
			}},
		},
		"stream_request":  &pb.DispatchStreamRequest{Sequence: 300, Request: request()},
		"stream_response": &pb.DispatchStreamResponse{Sequence: 1, Outcome: &pb.DispatchStreamResponse_Response{Response: &pb.DispatchResponse{MessageId: "m-1"}}},
		"stream_error":    &pb.DispatchStreamResponse{Sequence: 2, Outcome: &pb.DispatchStreamResponse_Error{Error: status(t)}},
		"stream_drain":    &pb.DispatchStreamResponse{Outcome: &pb.DispatchStreamResponse_Drain{Drain: &pb.Drain{LastSequence: 7}}},
		"refusal":         refusal(),
		"ring":            ring(),
	}
}

func request() *pb.DispatchRequest {
	return &pb.DispatchRequest{
		Service: "deposit", MessageId: "m-1", CorrelationId: "c-1", CausationId: "m-0",
		Request:         &pb.DispatchRequest_Json{Json: []byte(`{"account_id":"acc-1","amount":100}`)},
		ExpectedVersion: proto.Int64(3),
		DryRun:          pb.DryRun_DRY_RUN_VERBOSE,
		Timeout:         durationpb.New(1500 * time.Millisecond),
		LogAttributes:   map[string]string{"tenant": "t-1", "user": "ada"},
		Traceparent:     "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}
}

func routing(t *testing.T) *pb.Routing {
	return &pb.Routing{
		FirstAttempt: true, RingVersion: 12, Hops: 1, OriginNode: "gateway-0", PrevMessageId: "m-0",
		Caller: &pb.Caller{Name: "ada", Claims: object(t)}, Slot: proto.Uint32(0), AggregateId: "acc-1",
	}
}

func event() *pb.Event {
	return &pb.Event{
		Stream: "accounts", AggregateId: "acc-1", Version: 4, Type: "deposited", SchemaVersion: 2,
		Data: json(`{"amount":100}`), Metadata: []byte(`{"app_version":"1.0.0"}`), MessageId: "m-1",
		RecordedAt: timestamppb.New(time.Unix(1_700_000_000, 5)), Slot: 17, Offset: proto.Uint64(0), Epoch: 3,
		Erased: true,
		Command: &pb.Command{
			Service: "deposit", Request: json(`{"amount":100}`), RequestHash: []byte("hash"), Response: []byte(`{"result":"ok"}`),
		},
	}
}

func refusal() *pb.Refusal {
	return &pb.Refusal{
		Kind: pb.Kind_KIND_NOT_OWNER, MessageId: "m-1", Service: "deposit", Stream: "accounts", AggregateId: "acc-1",
		Reason: "slot 17 moved", Code: "insufficient_funds", Detail: json(`{"balance":5}`), Field: "account_id",
		Violations:      []*pb.Violation{{Field: "amount", Description: "must be positive"}},
		ExpectedVersion: proto.Int64(-1), CurrentVersion: proto.Int64(4), Timeout: durationpb.New(5 * time.Second),
		Size: 10 << 20, Limit: 1 << 20,
		NotOwner:     &pb.NotOwner{Slot: 17, Owner: "b", OwnerAddress: "10.0.0.2:9090", RingVersion: 12},
		NodeRefusals: []*pb.NodeRefusal{{Node: "a", Reason: "busy"}},
		Events:       []*pb.Event{{Type: "withdrawal_rejected"}}, Served: served(),
	}
}

func ring() *pb.Ring {
	return &pb.Ring{
		Version: 12, Slots: 256,
		Members: []*pb.Member{
			{Id: "a", Address: "10.0.0.1:9090", State: pb.MemberState_MEMBER_STATE_LIVE, Pod: "bank-0", PodUid: "u-0"},
			{Id: "b", Address: "10.0.0.2:9090", State: pb.MemberState_MEMBER_STATE_LEAVING},
		},
		Assignment: []*pb.SlotRun{{FirstSlot: 0, Count: 128}, {FirstSlot: 128, Count: 128, Member: 1}},
	}
}

// status is an error as it travels on a stream, with its refusal packed.
func status(t *testing.T) *spb.Status {
	t.Helper()
	return &spb.Status{Code: 9, Message: "insufficient funds", Details: []*anypb.Any{
		pack(t, &pb.Refusal{Kind: pb.Kind_KIND_DOMAIN, Code: "insufficient_funds"}),
	}}
}

func served() *pb.Served {
	return &pb.Served{Member: "a", Slot: proto.Uint32(0), Epoch: 3, RingVersion: 12}
}

func json(doc string) *pb.Value { return &pb.Value{Form: &pb.Value_Json{Json: []byte(doc)}} }

func message(t *testing.T) *anypb.Any {
	t.Helper()
	return pack(t, &pb.Violation{Field: "amount"})
}

func pack(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func object(t *testing.T) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(map[string]any{"account_id": "acc-1", "amount": 100})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
