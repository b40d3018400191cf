package cli

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
)

func refusal(r message.Response) error {
	_, st := wire.EncodeResponse(&message.Message{}, r, nil)
	return st.Err()
}

// What is not there is named as far as the server names it.
func TestNotFoundIsNamed(t *testing.T) {
	for want, r := range map[string]message.NotFound{
		"not found: accounts-acc-1 does not exist":  {Stream: "accounts", ID: "acc-1"},
		"not found: there is no stream \"nowhere\"": {Stream: "nowhere"},
		"not found: the aggregate does not exist":   {},
	} {
		if got := refusalText(r, ""); !strings.HasPrefix(got, want) || exitCode(r) != exitNotFound {
			t.Errorf("%+v: %s", r, got)
		}
	}
}

// What a stream waits for is told as what it is.
func TestWaitsAreTold(t *testing.T) {
	var told []string
	w := &waitTeller{server: "SERVER", retryFor: 60e9, note: func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }}
	for _, err := range []error{
		refusal(message.MailboxFull{Stream: "accounts", ID: "acc-1", Limit: 9}), nil,
		refusal(message.ServiceUnavailable{Reason: "the slot moves"}), nil, // within the same seconds
		status.Error(codes.Unavailable, "connection refused"), nil,
	} {
		w.trouble(err)
	}
	want := []string{
		"the mailbox of accounts-acc-1 is full: sending again, with the same message ids, for at most 1m0s",
		"no answer from SERVER (connection refused): trying for 1m0s, with the same message ids",
		"SERVER answers again",
	}
	if strings.Join(told, "\n") != strings.Join(want, "\n") {
		t.Errorf("told\n%s", strings.Join(told, "\n"))
	}
	if r := client.TurnedAway(status.Error(codes.ResourceExhausted, "by a proxy")); r != nil {
		t.Errorf("a proxy's refusal is %v", r)
	}
}
