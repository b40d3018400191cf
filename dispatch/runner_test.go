package dispatch_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

func TestRunner_CloseWaitsThenEndsTheContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		d := local(t, public("greet", func(ctx context.Context, _ *message.Message) message.Response {
			<-ctx.Done()
			ended <- ctx.Err()
			return nil
		}))
		d.Start(t.Context(), greet(), func(*message.Message) {}, dispatch.Within(time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		started := time.Now()
		err := d.Close(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "services that still run: 1") {
			t.Errorf("error is %v", err)
		}
		if waited := time.Since(started); waited != time.Minute {
			t.Errorf("waited %v, want a minute", waited)
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the service's context ended with %v", err)
		}
	})
}

func TestRunner_ClosedTakesNothing(t *testing.T) {
	d := dispatcher(t, dispatch.Config{
		Local:    router(t, public("greet", answers(ok("here")))),
		Registry: group("greet", &node{id: "b", dispatch: replies("b", ok("b")).dispatch, authorized: says("b", true, nil, nil).authorized}),
	})
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := textOf(t, d.Dispatch(t.Context(), greet()).Response); text != "b" {
		t.Errorf("answered %q, want it passed to b", text)
	}
	if allowed, why := d.Authorized(t.Context(), greet()); !allowed {
		t.Errorf("authorized is %#v, want b asked", why)
	}
}

func TestRunner_DerivedContextsEndWithTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		d := local(t, public("greet", func(ctx context.Context, _ *message.Message) message.Response {
			derived, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			<-derived.Done()
			close(ended)
			return nil
		}))
		d.Start(t.Context(), greet(), func(*message.Message) {}, dispatch.Within(time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := d.Close(ctx); err == nil {
			t.Error("nothing was running")
		}
		started := time.Now()
		<-ended
		if waited := time.Since(started); waited != 0 {
			t.Errorf("it ended %v later", waited)
		}
	})
}
