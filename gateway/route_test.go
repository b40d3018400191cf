package gateway

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

func TestMessageGoesToTheOwner(t *testing.T) {
	g := startGroup(t, 3)
	for i := range 20 {
		id := fmt.Sprintf("acc-%d", i)
		resp, err := g.calls.Dispatch(t.Context(), request("deposit", `{"account_id":"`+id+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		if want := string(g.owner(id).id); resp.GetServed().GetMember() != want {
			t.Errorf("%s was answered by %q, its owner is %q", id, resp.GetServed().GetMember(), want)
		}
	}
}

// The member is told what the gateway found, and gets the request untouched.
func TestRouting(t *testing.T) {
	g := startGroup(t, 1)
	const body = ` {"account_id": 17, "amount": 1e2}`
	if _, err := g.calls.Dispatch(t.Context(), request("deposit", body)); err != nil {
		t.Fatal(err)
	}
	own := request("deposit", body)
	own.MessageId, own.CorrelationId = "m-1", "c-1"
	if _, err := g.calls.Dispatch(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	got := g.members[0].await(t, 2)
	routing := got[0].GetRouting()
	if !routing.GetFirstAttempt() || routing.GetOriginNode() != "gateway" || routing.GetRingVersion() != 1 ||
		routing.GetAggregateId() != "17" || ring.Slot(routing.GetSlot()) != ring.SlotOf("accounts-17", testSlots) {
		t.Errorf("the member is told %v", routing)
	}
	if json := string(got[0].GetJson()); json != strings.TrimSpace(body) {
		t.Errorf("the request arrives as %s", json)
	}
	if got[1].GetRouting().GetFirstAttempt() || got[1].GetMessageId() != "m-1" || got[1].GetCorrelationId() != "c-1" {
		t.Errorf("a caller's own id arrives as %v", got[1])
	}
	if timeout := got[0].GetTimeout().AsDuration(); timeout <= 4*time.Second || timeout > 5*time.Second {
		t.Errorf("the member is given %v", timeout)
	}
}

func TestGeneratedIDGoesWhereTheMemberWillFindIt(t *testing.T) {
	g := startGroup(t, 3)
	req := request("open_account", `{"owner":"Ada"}`)
	req.MessageId = "m-1"
	resp, err := g.calls.Dispatch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	id := message.GeneratedID("accounts", "m-1")
	owner := g.owner(string(id))
	if resp.GetServed().GetMember() != string(owner.id) {
		t.Errorf("answered by %q, the owner of %s is %q", resp.GetServed().GetMember(), id, owner.id)
	}
	if got := string(owner.await(t, 1)[0].GetJson()); got != `{"owner":"Ada"}` {
		t.Errorf("the member gets %s, which has another hash than what was sent", got)
	}
}

func TestRefusedAtTheGateway(t *testing.T) {
	g := startGroup(t, 2)
	expecting := request("greet", `{}`)
	expecting.ExpectedVersion = proto.Int64(3)
	for name, test := range map[string]struct {
		req  *pb.DispatchRequest
		code codes.Code
		kind pb.Kind
	}{
		"version of no aggregate": {expecting, codes.InvalidArgument, pb.Kind_KIND_INVALID_REQUEST},
		"missing id":              {request("deposit", `{}`), codes.InvalidArgument, pb.Kind_KIND_MISSING_ID},
		"null id":                 {request("deposit", `{"account_id":null}`), codes.InvalidArgument, pb.Kind_KIND_MISSING_ID},
		"empty id":                {request("deposit", `{"account_id":""}`), codes.InvalidArgument, pb.Kind_KIND_MISSING_ID},
		"no request":              {&pb.DispatchRequest{Service: "deposit"}, codes.InvalidArgument, pb.Kind_KIND_MISSING_ID},
		"fraction":                {request("deposit", `{"account_id":1.5}`), codes.InvalidArgument, pb.Kind_KIND_VALIDATION},
		"NUL in id":               {request("deposit", `{"account_id":"a\u0000"}`), codes.InvalidArgument, pb.Kind_KIND_VALIDATION},
		"long id":                 {request("deposit", `{"account_id":"`+strings.Repeat("x", 10_000)+`"}`), codes.InvalidArgument, pb.Kind_KIND_VALIDATION},
		"broken JSON":             {request("deposit", `{"account_id":`), codes.InvalidArgument, pb.Kind_KIND_INVALID_REQUEST},
		"no such service":         {request("nope", `{}`), codes.Unimplemented, pb.Kind_KIND_NO_SUCH_SERVICE},
		"private service":         {request("audit", `{"id":"x"}`), codes.Unimplemented, pb.Kind_KIND_NO_SUCH_SERVICE},
		"routing":                 {&pb.DispatchRequest{Service: "greet", Routing: &pb.Routing{Caller: &pb.Caller{Name: "internal"}}}, codes.InvalidArgument, pb.Kind_KIND_INVALID_REQUEST},
	} {
		_, err := g.calls.Dispatch(t.Context(), test.req)
		if status.Code(err) != test.code || kindOf(err) != test.kind {
			t.Errorf("%s is answered %v, want %v with %v", name, err, test.code, test.kind)
		}
	}
	for _, m := range g.members {
		if len(m.got) > 0 {
			t.Errorf("member %s got %v", m.id, m.got)
		}
	}
}

func TestTooLarge(t *testing.T) {
	g := startGroup(t, 1, func(cfg *Config, _ []*fakeMember) { cfg.MaxMessageBytes = 1000 })
	_, err := g.calls.Dispatch(t.Context(), request("deposit", `{"account_id":"`+strings.Repeat("x", 1000)+`"}`))
	if status.Code(err) != codes.ResourceExhausted || kindOf(err) != pb.Kind_KIND_TOO_LARGE {
		t.Errorf("got %v", err)
	}
	_, err = g.calls.Dispatch(t.Context(), request("deposit", `{"account_id":"`+strings.Repeat("x", 10<<20)+`"}`))
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("10 MB are answered %v", err)
	}
}

func TestServicesWithoutAggregateTakeTurns(t *testing.T) {
	g := startGroup(t, 3)
	for range 9 {
		if _, err := g.calls.Dispatch(t.Context(), &pb.DispatchRequest{Service: "greet"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range g.members {
		if got := len(m.await(t, 0)); got != 3 {
			t.Errorf("member %s ran %d of 9", m.id, got)
		}
	}
}

func TestTryAnotherNode(t *testing.T) {
	refuse := func(_ *pb.DispatchRequest, reply func(message.Response)) {
		reply(message.TryAnotherNode{Reason: "busy"})
	}
	g := startGroup(t, 3, func(_ *Config, members []*fakeMember) { members[0].run, members[1].run = refuse, refuse })
	for range 3 {
		resp, err := g.calls.Dispatch(t.Context(), &pb.DispatchRequest{Service: "greet"})
		if err != nil || resp.GetServed().GetMember() != "c" {
			t.Errorf("got %v, %v", resp, err)
		}
	}
	none := startGroup(t, 2, func(_ *Config, members []*fakeMember) { members[0].run, members[1].run = refuse, refuse })
	_, err := none.calls.Dispatch(t.Context(), &pb.DispatchRequest{Service: "greet"})
	if refusal := wire.RefusalOf(status.Convert(err)); status.Code(err) != codes.Unavailable ||
		refusal.GetKind() != pb.Kind_KIND_NO_NODES_AVAILABLE || len(refusal.GetNodeRefusals()) != 2 {
		t.Errorf("got %v", err)
	}
}

func TestWithoutAnyMember(t *testing.T) {
	g := startGroup(t, 0)
	_, err := g.calls.Dispatch(t.Context(), request("deposit", `{"account_id":"a"}`))
	if status.Code(err) != codes.Unavailable || kindOf(err) != pb.Kind_KIND_UNAVAILABLE {
		t.Errorf("got %v", err)
	}
}

func TestTimeouts(t *testing.T) {
	never := func(*pb.DispatchRequest, func(message.Response)) {}
	g := startGroup(t, 1, func(cfg *Config, members []*fakeMember) {
		cfg.MaxTimeout, members[0].run = 50*time.Millisecond, never
	})
	req := request("deposit", `{"account_id":"a"}`)
	req.Timeout = durationpb.New(time.Hour)
	_, err := g.calls.Dispatch(t.Context(), req)
	if status.Code(err) != codes.DeadlineExceeded || kindOf(err) != pb.Kind_KIND_SERVICE_TIMEOUT {
		t.Errorf("beyond the cap: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := g.calls.Dispatch(ctx, request("deposit", `{"account_id":"a"}`)); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("beyond the call's deadline: %v", err)
	}
}

func TestValidateIsADryRun(t *testing.T) {
	g := startGroup(t, 1)
	if _, err := g.calls.Validate(t.Context(), request("deposit", `{"account_id":"a"}`)); err != nil {
		t.Fatal(err)
	}
	verbose := request("deposit", `{"account_id":"a"}`)
	verbose.DryRun = pb.DryRun_DRY_RUN_VERBOSE
	if _, err := g.calls.Validate(t.Context(), verbose); err != nil {
		t.Fatal(err)
	}
	got := g.members[0].await(t, 2)
	if got[0].GetDryRun() != pb.DryRun_DRY_RUN_DRY || got[1].GetDryRun() != pb.DryRun_DRY_RUN_VERBOSE {
		t.Errorf("dry runs arrive as %v, %v", got[0].GetDryRun(), got[1].GetDryRun())
	}
}

func TestAuthorized(t *testing.T) {
	g := startGroup(t, 2)
	ask := func(req *pb.DispatchRequest) (*pb.AuthorizedResponse, error) {
		return g.calls.Authorized(t.Context(), &pb.AuthorizedRequest{Request: req})
	}
	if resp, err := ask(request("open_account", `{"id":"a"}`)); err != nil || !resp.GetAllowed() {
		t.Errorf("open_account: %v, %v", resp, err)
	}
	if resp, err := ask(request("deposit", `{"account_id":"a"}`)); err != nil || resp.GetAllowed() || resp.GetReason() != "not on Sundays" {
		t.Errorf("deposit: %v, %v", resp, err)
	}
	// Without an id the question is about the service.
	for _, body := range []string{`{}`, `{"account_id":null}`, ""} {
		if resp, err := ask(request("deposit", body)); err != nil || resp.GetReason() != "not on Sundays" {
			t.Errorf("deposit of nobody (%q): %v, %v", body, resp, err)
		}
	}
	if _, err := ask(request("deposit", `{"account_id":1.5}`)); kindOf(err) != pb.Kind_KIND_VALIDATION {
		t.Errorf("deposit of a fraction: %v", err)
	}
	if _, err := ask(request("nope", `{}`)); kindOf(err) != pb.Kind_KIND_NO_SUCH_SERVICE {
		t.Errorf("nope: %v", err)
	}
	if _, err := ask(nil); kindOf(err) != pb.Kind_KIND_INVALID_REQUEST {
		t.Errorf("no request: %v", err)
	}
}

func TestListServices(t *testing.T) {
	g := startGroup(t, 2)
	names := func(v pb.Visibility) (out []string) {
		resp, err := g.calls.ListServices(t.Context(), &pb.ListServicesRequest{Visibility: v})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range resp.GetServices() {
			out = append(out, s.GetName())
		}
		return out
	}
	for v, want := range map[pb.Visibility]string{
		pb.Visibility_VISIBILITY_UNSPECIFIED: "[deposit greet open_account]",
		pb.Visibility_VISIBILITY_PRIVATE:     "[audit]",
		pb.Visibility_VISIBILITY_ALL:         "[audit deposit greet open_account]",
	} {
		if got := fmt.Sprint(names(v)); got != want {
			t.Errorf("%v lists %s, want %s", v, got, want)
		}
	}
}

func TestConfigIsValidated(t *testing.T) {
	_, err := New(t.Context(), Config{DefaultTimeout: -1})
	if err == nil {
		t.Fatal("a faulty configuration was taken")
	}
	for _, want := range []string{"who is there", "connects to members", "default timeout"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}
