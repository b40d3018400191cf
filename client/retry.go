package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// Defaults of [Retry].
const (
	DefaultRetryDelay    = 50 * time.Millisecond
	DefaultRetryMaxDelay = time.Second
	DefaultRetryPerSec   = 10
	DefaultRetryRatio    = 0.2
)

// Retry says when a call is tried again. The n-th wait is random, up to Delay
// doubled n times but at most MaxDelay; a server that asks for a longer wait
// gets it.
//
// All calls of a client draw their retries from one budget: PerSecond of them,
// and Ratio for every call made, saved up for at most ten seconds. A lone caller
// does not feel it. When many calls fail at once, most return their refusal
// rather than come back together.
type Retry struct {
	// Disabled makes every call try once only.
	Disabled bool
	// Delay is the longest first wait; 0 is DefaultRetryDelay.
	Delay time.Duration
	// MaxDelay is the longest wait; 0 is DefaultRetryMaxDelay.
	MaxDelay time.Duration
	// PerSecond is how many retries a second are always allowed; 0 is
	// DefaultRetryPerSec.
	PerSecond float64
	// Ratio is how many retries each call allows beside those; 0 is
	// DefaultRetryRatio.
	Ratio float64
}

func (r Retry) withDefaults() Retry {
	if r.Delay == 0 {
		r.Delay = DefaultRetryDelay
	}
	if r.MaxDelay == 0 {
		r.MaxDelay = max(DefaultRetryMaxDelay, r.Delay)
	}
	if r.PerSecond == 0 {
		r.PerSecond = DefaultRetryPerSec
	}
	if r.Ratio == 0 {
		r.Ratio = DefaultRetryRatio
	}
	return r
}

func (r Retry) validate() (faults []error) {
	if r.Delay < 0 || r.MaxDelay < 0 {
		faults = append(faults, fmt.Errorf("Retry.Delay is %v and Retry.MaxDelay %v, they cannot be negative", r.Delay, r.MaxDelay))
	}
	if r.MaxDelay > 0 && r.MaxDelay < r.Delay {
		faults = append(faults, fmt.Errorf("Retry.MaxDelay is %v, less than Retry.Delay, %v", r.MaxDelay, r.Delay))
	}
	if r.PerSecond < 0 || r.Ratio < 0 {
		faults = append(faults, fmt.Errorf("Retry.PerSecond is %v and Retry.Ratio %v, they cannot be negative", r.PerSecond, r.Ratio))
	}
	return faults
}

// wait returns how long to wait behind the n-th failed attempt, counted from 1.
func (r Retry) wait(n int, err error) time.Duration {
	const doublings = 20 // beyond any MaxDelay that makes sense, and far from overflow
	longest := min(r.Delay<<min(n-1, doublings), r.MaxDelay)
	return max(rand.N(longest+1), retryDelay(err))
}

// try makes attempts until one succeeds, is refused for good, the deadline of
// ctx leaves no time for another, or the budget is used up. It returns how many
// it made, and the last one's error; if ctx ended a wait, its error too.
func (c *Client) try(ctx context.Context, attempt func(ctx context.Context) error) (attempts int, err error) {
	c.budget.earn()
	for n := 1; ; n++ {
		err := attempt(ctx)
		if err == nil || c.config.Retry.Disabled || ctx.Err() != nil || !retryable(err) {
			return n, err
		}
		wait := c.config.Retry.wait(n, err)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
			return n, err
		}
		if !c.budget.spend() {
			return n, err
		}
		if ended := pause(ctx, wait); ended != nil {
			return n, errors.Join(err, ended)
		}
	}
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryable reports whether err leaves open that the same message is answered
// otherwise soon. It is asked only while the caller's own context lives: then
// CANCELLED means that somebody in between let go.
func retryable(err error) bool {
	switch status.Code(err) { //nolint:exhaustive // the others are final
	case codes.Unavailable, codes.Canceled:
		return true
	case codes.ResourceExhausted:
		return wire.RefusalOf(status.Convert(err)).GetKind() == pb.Kind_KIND_MAILBOX_FULL
	}
	return false
}

// TurnedAway returns the response with which a server turned a message away for
// now, such as message.MailboxFull; nil if err is that no server answered.
func TurnedAway(err error) message.Response {
	st := status.Convert(err)
	if wire.RefusalOf(st) == nil {
		return nil
	}
	return wire.DecodeResponse(nil, st)
}

// retryDelay returns how long the server asks to wait; 0 if it does not.
func retryDelay(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}
