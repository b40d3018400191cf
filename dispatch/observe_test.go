package dispatch_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

func TestObserver_StepsOfADispatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen recorder
		registry := group("greet", declines("a", "busy"))
		members := dispatch.NewRunner(dispatch.RunnerConfig{Node: "b", Observer: &seen, Router: router(t,
			dispatch.Func("greet", func(_ context.Context, m *message.Message) message.Response {
				<-time.After(2 * time.Second)
				return m.OK().Response
			}).Access(dispatch.AccessPublic).Private().Service())})
		defer members.Close(context.Background())
		registry.Join(members, announced("greet"))
		d := dispatcher(t, dispatch.Config{Node: "gateway", Registry: registry, Observer: &seen})

		m := greet()
		m.DryRun, m.Traceparent = message.Verbose, "00-trace"
		d.Dispatch(t.Context(), m)
		want := "discovering@gateway found@gateway invoking@a invoking@b received@b executing@b finished@b responded@b"
		if got := seen.steps(); got != want {
			t.Fatalf("observed %q, want %q", got, want)
		}
		events := seen.all()
		for _, e := range events {
			if e.Service != "greet" || e.MessageID != m.ID || e.CorrelationID != m.ID || e.CausationID != m.ID ||
				e.Origin != "gateway" || e.DryRun != message.Verbose || e.Traceparent != "00-trace" {
				t.Errorf("step %v says %+v", e.Step, e)
			}
		}
		for _, e := range events[4:7] {
			if e.Visibility != dispatch.Private {
				t.Errorf("step %v has visibility %v, want private", e.Step, e.Visibility)
			}
		}
		for _, e := range events[6:] {
			if e.Outcome != "ok" || e.Duration != 2*time.Second {
				t.Errorf("step %v has outcome %q after %v, want ok after 2 s", e.Step, e.Outcome, e.Duration)
			}
		}
	})
}

func TestObserver_TimeInTheServiceIsNotTheTimeWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen recorder
		var finished atomic.Bool
		d := dispatcher(t, dispatch.Config{Local: router(t, slow(time.Minute, &finished)), Observer: &seen})
		d.Dispatch(t.Context(), greet())
		d.Close(context.Background())
		want := "discovering@here found@here invoking@here received@here executing@here responded@ finished@here"
		if got := seen.steps(); got != want {
			t.Fatalf("observed %q, want %q", got, want)
		}
		responded, finish := seen.all()[5], seen.all()[6]
		if responded.Duration != 5*time.Second || responded.Outcome != "service_timeout" {
			t.Errorf("responded with %q after %v", responded.Outcome, responded.Duration)
		}
		if finish.Duration != time.Minute || finish.Outcome != "ok" {
			t.Errorf("finished with %q after %v", finish.Outcome, finish.Duration)
		}
	})
}

func TestObserver_OtherSteps(t *testing.T) {
	for name, test := range map[string]struct {
		service *dispatch.Service
		do      func(*dispatch.Dispatcher)
		want    string
		outcome string // of the last step
	}{
		"not found": {
			public("other", answers(nil)), func(d *dispatch.Dispatcher) { d.Dispatch(context.Background(), greet()) },
			"discovering@here not_found@here", "",
		},
		"forbidden": {
			dispatch.Func("greet", answers(nil)).Service(), func(d *dispatch.Dispatcher) { d.Dispatch(context.Background(), greet()) },
			"discovering@here found@here invoking@here received@here responded@here", "forbidden",
		},
		"authorized": {
			public("greet", answers(nil)), func(d *dispatch.Dispatcher) { d.Authorized(context.Background(), greet()) },
			"authorized@here", dispatch.OutcomeAllowed,
		},
		"not authorized": {
			dispatch.Func("greet", answers(nil)).Service(), func(d *dispatch.Dispatcher) { d.Authorized(context.Background(), greet()) },
			"authorized@here", "forbidden",
		},
		"no reply": {
			public("greet", answers(nil)), func(d *dispatch.Dispatcher) {
				d.Start(context.Background(), greet(), func(*message.Message) {}, dispatch.NoTimeout)
				d.Close(context.Background())
			},
			"discovering@here found@here invoking@here received@here executing@here finished@here", dispatch.OutcomeNoReply,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var seen recorder
			d := dispatcher(t, dispatch.Config{Local: router(t, test.service), Observer: &seen})
			test.do(d)
			if got := seen.steps(); got != test.want {
				t.Errorf("observed %q, want %q", got, test.want)
			}
			events := seen.all()
			if last := events[len(events)-1]; last.Outcome != test.outcome {
				t.Errorf("the outcome is %q, want %q", last.Outcome, test.outcome)
			}
		})
	}
}

func TestObservers(t *testing.T) {
	if dispatch.Observers(nil, nil) != nil {
		t.Error("no observers are not nil")
	}
	var a, b recorder
	dispatch.Observers(&a, nil, dispatch.ObserverFunc(b.Observe)).Observe(dispatch.Event{Step: dispatch.StepCommitTimeout, Node: "m"})
	if a.steps() != "commit_timeout@m" || b.steps() != "commit_timeout@m" {
		t.Errorf("observed %q and %q", a.steps(), b.steps())
	}
	if got := dispatch.Observers(nil, &a); got != dispatch.Observer(&a) {
		t.Error("one observer is wrapped")
	}
}

func TestStep_EveryOneHasAName(t *testing.T) {
	seen := map[string]bool{}
	for s := dispatch.StepDiscovering; s <= dispatch.StepCommitTimeout; s++ {
		if name := s.String(); name == "" || name == "invalid" || seen[name] {
			t.Errorf("step %d has the name %q", s, name)
		} else {
			seen[name] = true
		}
	}
	if got := dispatch.Step(0).String(); got != "invalid" {
		t.Errorf("no step has the name %q", got)
	}
}
