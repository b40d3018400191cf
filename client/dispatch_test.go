package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/internal/fakeserver"
	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// failing answers the first n messages with r, and all others with ok.
func failing(n int64, r message.Response) func(context.Context, *pb.DispatchRequest) message.Response {
	var count atomic.Int64
	return func(context.Context, *pb.DispatchRequest) message.Response {
		if count.Add(1) <= n {
			return r
		}
		return ok(0)
	}
}

func TestDispatchAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{}, &fakeserver.Server{
			Answer: answer(message.Created{ID: "acc-1", Version: 0, HasVersion: true}),
		})
		defer s.end()
		expected := message.NoVersion
		result, err := s.Client.Dispatch(t.Context(), "open_account", map[string]any{"id": "acc-1"}, client.DispatchOptions{
			MessageID: "m-1", CorrelationID: "c-1", CausationID: "m-0", DryRun: message.Verbose,
			ExpectedVersion: &expected, LogAttributes: map[string]string{"user": "ada"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if r := result.Response.(message.Created); r.ID != "acc-1" || r.Version != 0 || !r.HasVersion {
			t.Errorf("response %+v", r)
		}
		if result.MessageID != "m-1" || result.CorrelationID != "c-1" || result.Served.Member != "member-1" || result.Attempts != 1 {
			t.Errorf("result %+v", result)
		}
		seen := s.Seen()[0]
		if string(seen.GetJson()) != `{"id":"acc-1"}` || seen.GetDryRun() != pb.DryRun_DRY_RUN_VERBOSE ||
			seen.ExpectedVersion == nil || seen.GetExpectedVersion() != -1 || seen.GetLogAttributes()["user"] != "ada" ||
			seen.GetCausationId() != "m-0" || seen.GetRouting() != nil {
			t.Errorf("sent %v", seen)
		}
	})
}

func TestRequestForms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{}, &fakeserver.Server{Answer: answer(ok(0))})
		defer s.end()
		raw := json.RawMessage("{ \"n\": 12345678901234567890 }")
		for _, body := range []any{nil, raw, wrapperspb.String("x"), struct{ N int }{1}} {
			if _, err := s.Client.Dispatch(t.Context(), "any", body, client.DispatchOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		seen := s.Seen()
		if seen[0].GetRequest() != nil {
			t.Errorf("nil was sent as %v", seen[0])
		}
		if string(seen[1].GetJson()) != string(raw) {
			t.Errorf("raw JSON was sent as %q", seen[1].GetJson())
		}
		if seen[2].GetMessage().GetTypeUrl() != "type.googleapis.com/google.protobuf.StringValue" {
			t.Errorf("a protobuf message was sent as %v", seen[2])
		}
		if string(seen[3].GetJson()) != `{"N":1}` {
			t.Errorf("a struct was sent as %q", seen[3].GetJson())
		}
		if _, err := s.Client.Dispatch(t.Context(), "any", []byte("{}"), client.DispatchOptions{}); err == nil || len(s.Seen()) != 4 {
			t.Errorf("a []byte was sent: %v", err)
		}
	})
}

// A retry that has another id could run the command twice.
func TestRetryKeepsTheMessageID(t *testing.T) {
	for name, refusal := range map[string]message.Response{
		"unavailable":  message.ServiceUnavailable{Service: "deposit", Reason: "the lease may be over"},
		"mailbox full": message.MailboxFull{Stream: "accounts", ID: "acc-1", Limit: 10},
		"no nodes":     message.NoNodesAvailable{Service: "deposit"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, client.Config{}, &fakeserver.Server{Answer: failing(3, refusal)})
				defer s.end()
				result, err := s.Client.Dispatch(t.Context(), "deposit", nil, client.DispatchOptions{})
				if err != nil {
					t.Fatal(err)
				}
				ids := s.SeenIDs()
				if len(ids) != 4 || len(slices.Compact(slices.Clone(ids))) != 1 || ids[0] == "" {
					t.Errorf("attempts had the ids %q, want 4 with the same", ids)
				}
				if string(result.MessageID) != ids[0] || result.Attempts != 4 {
					t.Errorf("result %+v", result)
				}
			})
		})
	}
}

func TestRetryOverABrokenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		arrived := make(chan struct{})
		var count atomic.Int64
		server := &fakeserver.Server{Answer: func(ctx context.Context, _ *pb.DispatchRequest) message.Response {
			if count.Add(1) == 1 {
				close(arrived)
				<-ctx.Done() // the server is killed with the message in its hands
			}
			return ok(7)
		}}
		s := newSite(t, client.Config{}, server)
		defer s.end()
		go func() {
			<-arrived
			s.Server.Kill()
			time.Sleep(2 * time.Second) //nolint:forbidigo // virtual time: the server is away
			s.Server.Start(s.pipe.Listen())
		}()
		result, err := s.Client.Dispatch(t.Context(), "deposit", nil, client.DispatchOptions{MessageID: "mine"})
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := result.Version(); v != 7 || result.Attempts < 2 {
			t.Errorf("result %+v", result)
		}
		if ids := s.SeenIDs(); !slices.Equal(ids, []string{"mine", "mine"}) {
			t.Errorf("the server saw %q", ids)
		}
	})
}

func TestFinalRefusalsAreNotRetried(t *testing.T) {
	for _, refusal := range []message.Response{
		message.ValidationError{Violations: message.Violations{{Path: "amount", Message: "must be positive"}}},
		message.InvalidRequest{Reason: "no"}, message.MissingID{Field: "id"}, message.NotFound{Stream: "accounts", ID: "acc-1"},
		message.WrongExpectedVersion{Expected: 1, Current: 3}, message.Unauthorized{}, message.Forbidden{},
		message.DomainError{Code: "insufficient_funds", Detail: message.Value{JSON: []byte(`{"balance":5}`)}},
		message.MessageIDReused{MessageID: "m"}, message.TooLarge{What: "request", Size: 2, Limit: 1},
		message.StreamErased{Stream: "accounts", ID: "acc-1"}, message.Quarantined{Stream: "accounts", ID: "acc-1", Reason: "no such event"},
		message.Crashed{Reason: "index out of range"}, message.ServiceUnavailable{Service: "deposit", NoSuchService: true},
		message.ServiceTimeout{Service: "deposit", MessageID: "m", Timeout: time.Second},
		message.OutcomeUnknown{Service: "deposit", MessageID: "m", Timeout: time.Second},
	} {
		t.Run(refusal.Outcome(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, client.Config{}, &fakeserver.Server{Answer: answer(refusal)})
				defer s.end()
				_, err := s.Client.Dispatch(t.Context(), "deposit", nil, client.DispatchOptions{MessageID: "m"})
				var refused *client.Error
				if !errors.As(err, &refused) {
					t.Fatalf("error %v", err)
				}
				if got := refused.Response().Outcome(); got != refusal.Outcome() {
					t.Errorf("response %q, want %q", got, refusal.Outcome())
				}
				if refused.MessageID != "m" || refused.Op != "dispatch deposit" || len(s.SeenIDs()) != 1 {
					t.Errorf("error %+v behind %d attempts", refused, len(s.SeenIDs()))
				}
				if _, is := status.FromError(err); !is {
					t.Error("the error does not wrap the gRPC status")
				}
			})
		})
	}
}

func TestDeadlineEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{}, &fakeserver.Server{Answer: answer(message.ServiceUnavailable{Reason: "the store is away"})})
		defer s.end()
		began := time.Now()
		_, err := s.Client.Dispatch(t.Context(), "deposit", nil, client.DispatchOptions{Timeout: 3 * time.Second})
		took := time.Since(began)
		var refused *client.Error
		if !errors.As(err, &refused) || refused.Response().Outcome() != "service_unavailable" {
			t.Fatalf("error %v", err)
		}
		if took > 3*time.Second || took < time.Second {
			t.Errorf("took %v, want retries until 3s", took)
		}
		if n := len(s.Seen()); n < 3 || n > 10 {
			t.Errorf("%d attempts within 3 s", n)
		}
		if !strings.Contains(err.Error(), "attempts") || !strings.Contains(err.Error(), "the store is away") {
			t.Errorf("error %q", err)
		}
	})
}

func TestDeadlineEndsACallThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		s := newSite(t, client.Config{Timeout: 2 * time.Second}, &fakeserver.Server{
			Answer: func(context.Context, *pb.DispatchRequest) message.Response {
				<-never
				return ok(0)
			},
		})
		defer s.end()
		defer close(never)
		began := time.Now()
		_, err := s.Client.Dispatch(t.Context(), "deposit", nil, client.DispatchOptions{MessageID: "m"})
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
		var refused *client.Error
		if !errors.As(err, &refused) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v", err)
		}
		if r, is := refused.Response().(message.ServiceTimeout); !is || r.MessageID != "m" || r.Service != "deposit" {
			t.Errorf("response %+v", refused.Response())
		}
	})
}

func TestCancelledCallerIsNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := newSite(t, client.Config{}, &fakeserver.Server{Answer: func(context.Context, *pb.DispatchRequest) message.Response {
			cancel()
			return message.ServiceUnavailable{}
		}})
		defer s.end()
		if _, err := s.Client.Dispatch(ctx, "deposit", nil, client.DispatchOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if n := len(s.Seen()); n != 1 {
			t.Errorf("%d attempts", n)
		}
	})
}

// Many callers that all fail must not multiply their load by their retries.
func TestRetriesDrawFromOneBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{Retry: client.Retry{PerSecond: 1, Ratio: 0.1}}, &fakeserver.Server{
			Answer: answer(message.ServiceUnavailable{}),
		})
		defer s.end()
		const calls = 400
		done := make(chan struct{})
		for range calls {
			go func() {
				defer func() { done <- struct{}{} }()
				_, _ = s.Client.Dispatch(t.Context(), "deposit", nil, client.DispatchOptions{Timeout: 2 * time.Second})
			}()
		}
		for range calls {
			<-done
		}
		// Saved up: 10. Earned: at most 40 by calls and 2 by the seconds that they last.
		if retries := len(s.Seen()) - calls; retries < 10 || retries > 52 {
			t.Errorf("%d retries of %d calls", retries, calls)
		}
	})
}

func TestRetryDisabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{Retry: client.Retry{Disabled: true}}, &fakeserver.Server{Answer: failing(1, message.ServiceUnavailable{})})
		defer s.end()
		if _, err := s.Client.Dispatch(t.Context(), "deposit", nil, client.DispatchOptions{}); status.Code(err) != codes.Unavailable {
			t.Errorf("error %v", err)
		}
	})
}

func TestDo(t *testing.T) {
	type reply struct{ Balance int }
	packed, err := message.NewValue(wrapperspb.String("hello"))
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]message.Response{
		"json":    message.OK{Value: message.Value{JSON: []byte(`{"balance":5}`)}},
		"proto":   message.OK{Value: packed},
		"nothing": ok(1),
	}
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, client.Config{}, &fakeserver.Server{Answer: func(_ context.Context, req *pb.DispatchRequest) message.Response {
			return answers[req.GetService()]
		}})
		defer s.end()
		got, err := client.Do[reply](t.Context(), s.Client, "json", nil)
		if err != nil || got.Balance != 5 {
			t.Errorf("got %+v, %v", got, err)
		}
		text, err := client.Do[*wrapperspb.StringValue](t.Context(), s.Client, "proto", nil)
		if err != nil || text.GetValue() != "hello" {
			t.Errorf("got %v, %v", text, err)
		}
		if _, err := client.Do[client.None](t.Context(), s.Client, "nothing", nil); err != nil {
			t.Error(err)
		}
		if _, err := client.Do[reply](t.Context(), s.Client, "nothing", nil); !errors.Is(err, client.ErrNoReply) {
			t.Errorf("error %v", err)
		}
		if _, err := client.Do[*wrapperspb.StringValue](t.Context(), s.Client, "json", nil); err == nil {
			t.Error("JSON was read as a protobuf message")
		}
	})
}

func TestConfigFaultsComeTogether(t *testing.T) {
	_, err := client.New("x:1", client.Config{Timeout: -1, Retry: client.Retry{Ratio: -1}})
	if err == nil || !strings.Contains(err.Error(), "timeout") || !strings.Contains(err.Error(), "Ratio") {
		t.Errorf("error %v", err)
	}
}
