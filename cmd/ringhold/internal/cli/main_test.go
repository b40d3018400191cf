package cli

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/ringhold/ringhold/internal/fakeserver"
	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves a fake server on a free port until the test ends.
func start(t *testing.T, s *fakeserver.Server) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Start(l)
	t.Cleanup(s.Kill)
	return l.Addr().String()
}

// ran is what a command printed, and how it ended.
type ran struct {
	out, errOut string
	code        int
}

// ringhold runs a command in this process.
func ringhold(t *testing.T, stdin string, args ...string) ran {
	t.Helper()
	return command(t.Context(), New(), stdin, args...)
}

func command(ctx context.Context, root *cobra.Command, stdin string, args ...string) ran {
	var out, errOut bytes.Buffer
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&errOut)
	root.SetContext(ctx)
	code := Execute(root)
	return ran{out: out.String(), errOut: errOut.String(), code: code}
}

// bank is a server with something of everything to look at.
func bank() *fakeserver.Server {
	json := func(s string) *pb.Value { return &pb.Value{Form: &pb.Value_Json{Json: []byte(s)}} }
	event := func(version int64, kind, data string) *pb.Event {
		return &pb.Event{
			Stream: "accounts", AggregateId: "acc-1", Version: version, Type: kind, SchemaVersion: 1, Data: json(data),
			Metadata: []byte(`{"app_version":"1.0.0"}`), MessageId: "pay-" + string(rune('0'+version)),
			RecordedAt: timestamppb.New(stamped), Slot: 126, Offset: proto.Uint64(uint64(version)), Epoch: 1,
		}
	}
	events := []*pb.Event{
		event(0, "opened", `{"owner":"Ada"}`), event(1, "deposited", `{"amount":100, "note":"<&>"}`), event(2, "closed", `{}`),
	}
	events[0].Command = &pb.Command{Service: "open_account", Request: json(`{"id":"acc-1"}`), Response: []byte(`{"result":"created","id":"acc-1","version":0}`)}
	events[2].Data, events[2].Metadata, events[2].Erased = nil, nil, true
	return &fakeserver.Server{
		Answer: func(_ context.Context, req *pb.DispatchRequest) message.Response { return answers[req.GetService()] },
		Services: []*pb.ServiceInfo{
			{Name: "audit", Visibility: pb.Visibility_VISIBILITY_PRIVATE, Stream: "accounts", On: pb.On_ON_MAYBE_NEW, IdField: "id"},
			{
				Name: "deposit", Doc: "Pays money in.", Stream: "accounts", On: pb.On_ON_EXISTING, IdField: "account_id",
				Access: pb.Access_ACCESS_PUBLIC, RequestSchema: `{"type":"object"}`,
			},
			{Name: "greet", Doc: "Greets.", Access: pb.Access_ACCESS_PUBLIC},
			{Name: "open_account", Stream: "accounts", On: pb.On_ON_NEW, IdField: "id", GeneratesId: true, Access: pb.Access_ACCESS_RULE},
		},
		Events:  events,
		Allowed: &pb.AuthorizedResponse{Allowed: true},
		States: &pb.GetStateResponse{
			Stream: "accounts", AggregateId: "acc-1", Version: 2, SchemaVersion: 1, Deleted: true, State: json(`{"balance":100,"open":false}`),
		},
		Infos: []*pb.StreamInfo{
			{Stream: "accounts", AggregateId: "acc-1", Version: 2, Events: 3, Slot: 126, Deleted: true},
			{Stream: "accounts", AggregateId: "acc-2", Version: 0, Events: 1, Slot: 9},
			{Stream: "accounts", AggregateId: "b ü", Version: 7, Events: 8, Slot: 200, Erased: true},
		},
		Ring: &pb.Ring{
			Version: 7, Slots: 256,
			Members: []*pb.Member{
				{Id: "m0", Address: "10.0.0.1:7400", State: pb.MemberState_MEMBER_STATE_LIVE},
				{Id: "m1", Address: "10.0.0.2:7400", State: pb.MemberState_MEMBER_STATE_SILENT},
			},
			Assignment: []*pb.SlotRun{{FirstSlot: 0, Count: 128}, {FirstSlot: 128, Count: 128, Member: 1}},
		},
		Status: []*pb.MemberStatus{
			{
				Member: &pb.Member{Id: "m0"}, BinaryVersion: "v1.0.0", StartedAt: timestamppb.New(stamped), LeaseLeft: durationpb.New(700e6),
				RingVersion: 7, Slots: 128, Actors: 3, Waiting: 1, Quarantined: []string{"accounts-acc-9"},
			},
			{Member: &pb.Member{Id: "m1"}, Unreachable: "connection refused"},
		},
		Owner: &pb.GetOwnerResponse{
			Slot: 126, Member: &pb.Member{Id: "m0", Address: "10.0.0.1:7400", State: pb.MemberState_MEMBER_STATE_LIVE}, Epoch: 4, RingVersion: 7,
			Explanation: []string{"the stream is accounts-acc-1", "its xxhash64 puts it into slot 126 of 256"},
		},
	}
}

// answers are what the bank answers, by service: most are named after what they
// answer.
var answers = map[string]message.Response{
	"open_account": message.Created{ID: "acc-1", Version: 0, HasVersion: true},
	"deposit":      message.OK{Version: 3, HasVersion: true, Value: message.Value{JSON: []byte(`{"balance": 5}`)}},
	"touch":        message.OK{Version: 3, HasVersion: true},
	"greet":        message.OK{Value: message.Value{JSON: []byte(`"Hello, Bob!"`)}},
	"verbose": message.OK{Version: 3, HasVersion: true, Events: []message.Event{
		{Type: "deposited", Value: message.Value{JSON: []byte(`{"amount":100}`)}}, {Type: "closed"},
	}},
	"domain":      message.DomainError{Code: "insufficient_funds", Detail: message.Value{JSON: []byte(`{"balance":5}`)}},
	"domain.bare": message.DomainError{Code: "closed"},
	"validation": message.ValidationError{Violations: message.Violations{
		{Path: "amount", Message: "must be positive"}, {Path: "lines[2].sku", Message: "is unknown"}, {Message: "is not complete"},
	}},
	"invalid":     message.InvalidRequest{Reason: "the request has to be a JSON object"},
	"missing":     message.MissingID{Field: "account_id"},
	"reused":      message.MessageIDReused{MessageID: "m-1"},
	"large":       message.TooLarge{What: "request", Size: 5000000, Limit: 4194304},
	"nobody":      message.NotFound{Stream: "accounts", ID: "acc-9"},
	"erased":      message.StreamErased{Stream: "accounts", ID: "acc-9"},
	"exists":      message.WrongExpectedVersion{Expected: message.NoVersion, Current: 0},
	"conflict":    message.WrongExpectedVersion{Expected: 2, Current: 3},
	"anonymous":   message.Unauthorized{Reason: "no token"},
	"forbidden":   message.Forbidden{Reason: "access is Denied"},
	"panic":       message.Crashed{Reason: "index out of range"},
	"quarantined": message.Quarantined{Stream: "accounts", ID: "acc-9", Reason: "no event is named money_in"},
	"unknown":     message.ServiceUnavailable{Service: "unknown", NoSuchService: true},
	"away":        message.ServiceUnavailable{Service: "away", Reason: "the store is away"},
	"late":        message.ServiceTimeout{Service: "late", MessageID: "m-1", Timeout: 5e9},
	"doubtful":    message.OutcomeUnknown{Service: "doubtful", MessageID: "m-1", Timeout: 5e9},
	"full":        message.MailboxFull{Stream: "accounts", ID: "acc-1", Limit: 1000},
}
