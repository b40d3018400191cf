package dispatch_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

// slow is a service that answers after a while.
func slow(after time.Duration, finished *atomic.Bool) *dispatch.Service {
	return public("greet", func(ctx context.Context, m *message.Message) message.Response {
		select {
		case <-time.After(after):
			finished.Store(true)
			return m.OK("late").Response
		case <-ctx.Done():
			return nil
		}
	})
}

func wantTimeout(t *testing.T, got message.Response, id message.ID, timeout time.Duration) {
	t.Helper()
	if want := (message.ServiceTimeout{Service: "greet", MessageID: id, Timeout: timeout}); got != message.Response(want) {
		t.Errorf("answered %#v, want %#v", got, want)
	}
}

func TestDispatch_TimeoutLeavesServiceRunning(t *testing.T) {
	for name, test := range map[string]struct {
		ctx     time.Duration
		options []dispatch.Option
	}{
		"the call's timeout":     {time.Hour, []dispatch.Option{dispatch.Within(time.Second)}},
		"the end of the context": {time.Second, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), test.ctx)
				defer cancel()
				var finished atomic.Bool
				d := local(t, slow(time.Minute, &finished))
				m := greet()
				id := m.ID
				reply := d.Dispatch(ctx, m, test.options...)
				wantTimeout(t, reply.Response, id, time.Second)
				if finished.Load() {
					t.Fatal("the service was not slow")
				}
				if err := d.Close(context.Background()); err != nil {
					t.Fatal(err)
				}
				if !finished.Load() {
					t.Error("the service did not run on")
				}
				wantTimeout(t, reply.Response, id, time.Second) // the late reply changed nothing
			})
		})
	}
}

func TestDispatch_LateReplyReachesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pending := make(chan func(message.Response), 2)
		d := local(t, running("greet", func(_ context.Context, _ *message.Message, reply func(message.Response)) {
			pending <- reply
		}))
		d.Dispatch(t.Context(), greet(), dispatch.Within(time.Second))
		go func() { // both reply while the second is waited for
			first, second := <-pending, <-pending
			<-time.After(time.Second)
			first(ok("of the first"))
			second(ok("of the second"))
			first(ok("of the first"))
		}()
		if text := textOf(t, d.Dispatch(t.Context(), greet(), dispatch.Within(3*time.Second)).Response); text != "of the second" {
			t.Errorf("the second dispatch was answered %q", text)
		}
		synctest.Wait()
	})
}

func TestDispatch_TimeoutOf(t *testing.T) {
	withTimeout := func(d time.Duration, until *time.Time) *dispatch.Service {
		s := *running("greet", func(ctx context.Context, _ *message.Message, _ func(message.Response)) {
			*until, _ = dispatch.Deadline(ctx)
		})
		s.Info.Timeout = d
		return &s
	}
	for name, test := range map[string]struct {
		cfg     time.Duration
		service time.Duration
		ctx     time.Duration
		options []dispatch.Option
		want    time.Duration
	}{
		"the default":                    {want: 5 * time.Second},
		"the dispatcher":                 {cfg: time.Minute, want: time.Minute},
		"the service":                    {cfg: time.Minute, service: 2 * time.Second, want: 2 * time.Second},
		"the call":                       {cfg: time.Minute, service: 2 * time.Second, options: []dispatch.Option{dispatch.Within(time.Hour)}, want: time.Hour},
		"a call that does not wait":      {options: []dispatch.Option{dispatch.Within(0)}, want: 1},
		"the context, if it ends before": {ctx: time.Second, options: []dispatch.Option{dispatch.Within(time.Hour)}, want: time.Second},
		"not the context, if it is last": {ctx: time.Hour, want: 5 * time.Second},
		"the context, if it is all":      {ctx: time.Hour, options: []dispatch.Option{dispatch.NoTimeout}, want: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if test.ctx > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.ctx)
					defer cancel()
				}
				var until time.Time
				d := dispatcher(t, dispatch.Config{Timeout: test.cfg, Local: router(t, withTimeout(test.service, &until))})
				m := greet()
				started := time.Now()
				wantTimeout(t, d.Dispatch(ctx, m, test.options...).Response, m.ID, test.want)
				if waited := time.Since(started); waited != test.want {
					t.Errorf("waited %v, want %v", waited, test.want)
				}
				if told := until.Sub(started); told != test.want {
					t.Errorf("the service was told %v, want %v", told, test.want)
				}
			})
		})
	}
}

func TestDispatch_WithoutTimeoutWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var finished atomic.Bool
		d := local(t, slow(24*time.Hour, &finished))
		if text := textOf(t, d.Dispatch(t.Context(), greet(), dispatch.NoTimeout).Response); text != "late" {
			t.Errorf("answered %q", text)
		}
	})
}

func TestDispatch_ContextEndsTheWait(t *testing.T) {
	for name, dispatched := range map[string]func(context.Context, *dispatch.Dispatcher, *message.Message) *message.Message{
		"dispatch": func(ctx context.Context, d *dispatch.Dispatcher, m *message.Message) *message.Message {
			return d.Dispatch(ctx, m)
		},
		"start": func(ctx context.Context, d *dispatch.Dispatcher, m *message.Message) *message.Message {
			got := make(chan *message.Message, 1)
			d.Start(ctx, m, func(m *message.Message) { got <- m })
			return <-got
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := local(t, public("greet", answers(nil)))
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				m := greet()
				wantTimeout(t, dispatched(ctx, d, m).Response, m.ID, time.Second)
			})
		})
	}
}

func TestDispatch_EndedContextStartsNothing(t *testing.T) {
	d := local(t, public("greet", func(context.Context, *message.Message) message.Response {
		t.Error("the service ran")
		return nil
	}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, is := d.Dispatch(ctx, greet()).Response.(message.ServiceTimeout); !is {
		t.Errorf("answered %#v, want ServiceTimeout", got)
	}
	d.Runner().Dispatch(ctx, greet(), func(r message.Response) {
		if _, is := r.(message.ServiceTimeout); !is {
			t.Errorf("the runner answered %#v, want ServiceTimeout", r)
		}
	})
}

func TestStart_TimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := local(t, public("greet", answers(nil)))
		var got []*message.Message
		m := greet()
		d.Start(t.Context(), m, func(m *message.Message) { got = append(got, m) }, dispatch.Within(time.Second))
		<-time.After(time.Hour)
		synctest.Wait()
		if len(got) != 1 {
			t.Fatalf("%d answers, want 1", len(got))
		}
		wantTimeout(t, got[0].Response, m.ID, time.Second)
	})
}

func TestDispatch_ServiceSeesDeadlineButNotItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := time.Now().Add(2 * time.Second)
		check := func(ctx context.Context, shown bool) {
			if at, set := dispatch.Deadline(ctx); !set || !at.Equal(until) {
				t.Errorf("deadline is %v, %v, want %v", at, set, until)
			}
			if at, set := ctx.Deadline(); set != shown || shown && !at.Equal(until) {
				t.Errorf("the context's deadline is %v, %v", at, set)
			}
			derived, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			<-time.After(5 * time.Second)
			if err := ctx.Err(); err != nil {
				t.Errorf("the context ended: %v", err)
			}
			if !shown && derived.Err() != nil {
				t.Errorf("a derived context ended: %v", derived.Err())
			}
		}
		var done sync.WaitGroup
		d := local(t,
			public("greet", func(ctx context.Context, _ *message.Message) message.Response { check(ctx, false); return nil }),
			running("run", func(ctx context.Context, _ *message.Message, _ func(message.Response)) {
				done.Go(func() { check(ctx, true) })
			}))
		d.Start(t.Context(), message.New("run", message.Body{}), func(*message.Message) {}, dispatch.Within(2*time.Second))
		d.Dispatch(t.Context(), greet(), dispatch.Within(2*time.Second))
		done.Wait()
	})
}

func TestDispatch_AfterTheTimeoutNoOtherNodeIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pending func(message.Response)
		a := &node{id: "a", dispatch: func(_ context.Context, _ *message.Message, reply func(message.Response)) { pending = reply }}
		b := &node{id: "b", dispatch: func(context.Context, *message.Message, func(message.Response)) { t.Error("b was asked") }}
		d := dispatcher(t, dispatch.Config{Registry: group("greet", a, b)})
		m := greet()
		wantTimeout(t, d.Dispatch(t.Context(), m).Response, m.ID, 5*time.Second)
		pending(message.TryAnotherNode{Reason: "busy"})
	})
}

func TestDispatch_ARefusalAtTheDeadlineIsTheTimeout(t *testing.T) {
	now := time.Now()
	a := &node{id: "a", dispatch: func(_ context.Context, _ *message.Message, reply func(message.Response)) {
		now = now.Add(5 * time.Second) // the node's own clock was quicker than ours
		reply(message.TryAnotherNode{Reason: "deadline exceeded"})
	}}
	d := dispatcher(t, dispatch.Config{Registry: group("greet", a), Now: func() time.Time { return now }})
	m := greet()
	wantTimeout(t, d.Dispatch(t.Context(), m).Response, m.ID, 5*time.Second)
}

func TestDispatch_NodesContextEndsWithTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var ended <-chan struct{}
		silent := &node{id: "a", dispatch: func(ctx context.Context, _ *message.Message, _ func(message.Response)) {
			ended = ctx.Done()
			if at, set := ctx.Deadline(); !set || time.Until(at) != 5*time.Second {
				t.Errorf("deadline is %v, %v", at, set)
			}
			if ctx.Value(key{}) != "value" {
				t.Error("the caller's values are lost")
			}
		}}
		d := dispatcher(t, dispatch.Config{Registry: group("greet", silent)})
		d.Dispatch(context.WithValue(t.Context(), key{}, "value"), greet())
		select {
		case <-ended:
		default:
			t.Error("the node's context did not end")
		}
	})
}

func TestDispatch_ManyCallersWithTimeouts(t *testing.T) {
	// Half of the replies come at the time of the timeout; each caller has to
	// get its own answer or its own timeout, from waiters that are reused.
	synctest.Test(t, func(t *testing.T) {
		d := local(t, running("greet", func(_ context.Context, m *message.Message, reply func(message.Response)) {
			r := ok(string(m.ID))
			time.AfterFunc(time.Duration(1+len(m.LogAttributes))*time.Second, func() { reply(r) })
		}))
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				for range 20 {
					m := greet()
					if i%2 == 0 {
						m.LogAttributes = map[string]string{"slow": "yes"}
					}
					id := m.ID
					reply := d.Dispatch(t.Context(), m, dispatch.Within(2*time.Second))
					if _, timeout := reply.Response.(message.ServiceTimeout); timeout && i%2 == 0 {
						wantTimeout(t, reply.Response, id, 2*time.Second)
					} else if text := textOf(t, reply.Response); text != string(id) {
						t.Errorf("message %s was answered with the answer of %s", id, text)
					}
				}
			})
		}
		all.Wait()
	})
}
