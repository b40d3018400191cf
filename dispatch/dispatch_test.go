package dispatch_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

func TestDispatch_LocalProviderFirst(t *testing.T) {
	remote := group("greet", replies("a", ok("from a")))
	d := dispatcher(t, dispatch.Config{Local: router(t, public("greet", answers(ok("from here")))), Registry: remote})
	if text := textOf(t, d.Dispatch(t.Context(), greet()).Response); text != "from here" {
		t.Errorf("answered %q", text)
	}
	d = dispatcher(t, dispatch.Config{Local: router(t), Registry: remote})
	if text := textOf(t, d.Dispatch(t.Context(), greet()).Response); text != "from a" {
		t.Errorf("without a local provider answered %q", text)
	}
}

func TestDispatch_NoProviderIsServiceUnavailable(t *testing.T) {
	d := dispatcher(t, dispatch.Config{Local: router(t), Registry: group("other", replies("a", ok("")))})
	got := d.Dispatch(t.Context(), greet()).Response
	if want := (message.ServiceUnavailable{Service: "greet", NoSuchService: true}); got != message.Response(want) {
		t.Errorf("answered %#v, want %#v", got, want)
	}
}

func TestDispatch_HaltedMessageComesBackUntouched(t *testing.T) {
	d := local(t, public("greet", func(context.Context, *message.Message) message.Response {
		t.Error("the service ran")
		return nil
	}))
	m := greet().Error("already")
	before := *m
	for name, dispatched := range map[string]func() *message.Message{
		"dispatch": func() *message.Message { return d.Dispatch(t.Context(), m) },
		"validate": func() *message.Message { return d.Validate(t.Context(), m) },
		"start": func() (got *message.Message) {
			d.Start(t.Context(), m, func(m *message.Message) { got = m })
			return got
		},
	} {
		if got := dispatched(); got != m || !reflect.DeepEqual(*m, before) {
			t.Errorf("%s changed it to %+v", name, got)
		}
	}
	if allowed, why := d.Authorized(t.Context(), m); allowed || !reflect.DeepEqual(why, m.Response) {
		t.Errorf("authorized: %v, %#v", allowed, why)
	}
}

func TestDispatch_SetsTimeAndIDs(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 7, time.FixedZone("CET", 3600))
	var ran message.Message
	d := dispatcher(t, dispatch.Config{
		Now: func() time.Time { return now },
		Local: router(t, public("greet", func(_ context.Context, m *message.Message) message.Response {
			ran = *m
			return m.OK().Response
		})),
	})
	m := &message.Message{Service: "greet", Valid: true, InvokedAt: now.Add(-time.Hour)}
	reply := d.Dispatch(t.Context(), m)
	if !ran.InvokedAt.Equal(now) || ran.InvokedAt.Location() != time.UTC {
		t.Errorf("invoked at %v, want %v in UTC", ran.InvokedAt, now)
	}
	if ran.ID == "" || ran.CorrelationID != ran.ID || ran.CausationID != ran.ID || !ran.FirstAttempt {
		t.Errorf("ids are %q, %q, %q, first attempt %v", ran.ID, ran.CorrelationID, ran.CausationID, ran.FirstAttempt)
	}
	if ran.Origin != "here" {
		t.Errorf("origin is %q", ran.Origin)
	}
	if reply.ID != ran.ID || reply.InvokedAt != ran.InvokedAt || !reply.Halted {
		t.Errorf("the reply is %+v", reply)
	}
}

func TestDispatch_ReplyCarriesNeitherRequestNorEvents(t *testing.T) {
	d := local(t, public("greet", func(_ context.Context, m *message.Message) message.Response {
		m.PutRequest("typed", nil).AddEvent("event")
		m.Aggregate.Version = 7
		return m.OK().Response
	}))
	reply := d.Dispatch(t.Context(), request(t, `{"name":"Ada"}`))
	if !reply.Raw.IsZero() || reply.Request != nil || reply.Events() != nil {
		t.Errorf("the reply carries %v, %v, %v", reply.Raw, reply.Request, reply.Events())
	}
	if reply.Aggregate.Version != 7 {
		t.Errorf("the reply has version %d, want 7", reply.Aggregate.Version)
	}
}

func TestDispatch_CrashIsAnsweredAtOnce(t *testing.T) {
	for name, s := range map[string]*dispatch.Service{
		"call": public("greet", func(context.Context, *message.Message) message.Response { panic("boom") }),
		"run":  running("greet", func(context.Context, *message.Message, func(message.Response)) { panic("boom") }),
	} {
		t.Run(name, func(t *testing.T) {
			var log logged
			d := dispatcher(t, dispatch.Config{
				Logger: newLogger(&log),
				Local:  router(t, s, public("other", answers(ok("still here")))),
			})
			m := greet()
			got := d.Dispatch(t.Context(), m, dispatch.NoTimeout).Response
			if want := (message.Crashed{Reason: "the service panicked in run"}); got != message.Response(want) {
				t.Errorf("answered %#v, want %#v", got, want)
			}
			wantStack(t, &log, m, "TestDispatch_CrashIsAnsweredAtOnce")
			if text := textOf(t, d.Dispatch(t.Context(), message.New("other", message.Body{})).Response); text != "still here" {
				t.Errorf("then answered %q", text)
			}
		})
	}
}

func TestDispatch_OnlyTheFirstReplyCounts(t *testing.T) {
	twice := func(_ context.Context, _ *message.Message, reply func(message.Response)) {
		reply(ok("first"))
		reply(ok("second"))
		panic("after the reply")
	}
	for name, cfg := range map[string]dispatch.Config{
		"here":      {Local: router(t, running("greet", twice))},
		"elsewhere": {Registry: group("greet", &node{id: "a", dispatch: twice})},
	} {
		t.Run(name, func(t *testing.T) {
			d := dispatcher(t, cfg)
			for range 3 { // a second reply must not reach a later dispatch either
				if text := textOf(t, d.Dispatch(t.Context(), greet()).Response); text != "first" {
					t.Errorf("answered %q", text)
				}
			}
		})
	}
}

func TestDispatch_NilResponseIsCrashed(t *testing.T) {
	for name, cfg := range map[string]dispatch.Config{
		"here":      {Local: router(t, running("greet", replies("", nil).dispatch))},
		"elsewhere": {Registry: group("greet", replies("a", nil))},
	} {
		t.Run(name, func(t *testing.T) {
			if got, is := dispatcher(t, cfg).Dispatch(t.Context(), greet()).Response.(message.Crashed); !is {
				t.Errorf("answered %#v, want Crashed", got)
			}
		})
	}
}

func TestStart_RepliesWithoutWaiting(t *testing.T) {
	var pending func(message.Response)
	d := local(t, running("greet", func(_ context.Context, _ *message.Message, reply func(message.Response)) { pending = reply }))
	var got *message.Message
	d.Start(t.Context(), greet(), func(m *message.Message) { got = m })
	if got != nil {
		t.Fatalf("answered %#v before the service did", got.Response)
	}
	pending(ok("later"))
	if text := textOf(t, got.Response); text != "later" {
		t.Errorf("answered %q", text)
	}
}

func TestValidate_IsADryRunWithTheSameAnswer(t *testing.T) {
	for given, want := range map[message.DryRun]message.DryRun{
		message.Real: message.Dry, message.Dry: message.Dry, message.Verbose: message.Verbose,
	} {
		var ran message.DryRun
		d := local(t, public("greet", func(_ context.Context, m *message.Message) message.Response {
			ran = m.DryRun
			return ok("hello")
		}))
		m := greet()
		m.DryRun = given
		reply := d.Validate(t.Context(), m)
		if ran != want || reply.DryRun != want {
			t.Errorf("dry run %v ran as %v and came back as %v, want %v", given, ran, reply.DryRun, want)
		}
		if text := textOf(t, reply.Response); text != "hello" {
			t.Errorf("answered %q", text)
		}
	}
}

func TestConfig_ReportsAllFaults(t *testing.T) {
	_, err := dispatch.New(dispatch.Config{Timeout: -1})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"no name", "neither services", "timeout"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}
