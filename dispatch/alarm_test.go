package dispatch_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

// Calls use the timers of those before them: each expires at its own time all
// the same, and none at that of another.
func TestDispatch_TimersAreUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after := func(_ context.Context, m *message.Message, reply func(message.Response)) {
			wait, found := message.Assigned[time.Duration](m, "wait")
			if !found {
				return // never
			}
			if wait == 0 {
				reply(message.OK{})
				return
			}
			time.AfterFunc(wait, func() { reply(message.OK{}) })
		}
		d := local(t, running("greet", after))
		ask := func(wait, timeout time.Duration) {
			m := greet()
			if wait >= 0 {
				m.Assign("wait", wait)
			}
			id, began := m.ID, time.Now()
			r := d.Dispatch(t.Context(), m, dispatch.Within(timeout)).Response
			took := time.Since(began)
			if wait >= 0 && wait < timeout {
				if _, ok := r.(message.OK); !ok || took != wait {
					t.Errorf("answered %#v after %v, want an answer after %v", r, took, wait)
				}
				return
			}
			wantTimeout(t, r, id, timeout)
			if took != timeout {
				t.Errorf("expired after %v, want %v", took, timeout)
			}
		}
		for range 3 {
			ask(0, time.Second)                   // leaves its timer
			ask(2*time.Second, time.Minute)       // outlives the time of the one before
			ask(-1, 3*time.Second)                // expires
			ask(4*time.Second, 5*time.Second)     // with a timer of its own
			ask(7*time.Second, 6*time.Second)     // its late answer comes to nothing
			ask(0, time.Hour)                     //
			ask(10*time.Minute-1, 10*time.Minute) // just in time
			ask(10*time.Minute+1, 10*time.Minute) // just not
		}
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				for k := range 10 {
					ask(time.Duration((i*7+k*3)%20)*time.Second, 10*time.Second+1)
				}
			})
		}
		all.Wait()
	})
}

// A node that is placed twice runs the message twice, and what the first run
// still says is not taken for the second one's answer.
func TestDispatch_OneNodePlacedTwice(t *testing.T) {
	var first func(message.Response)
	runs := 0
	serve := func(_ context.Context, _ *message.Message, reply func(message.Response)) {
		if runs++; runs == 1 {
			first = reply
			reply(message.TryAnotherNode{Reason: "not now"})
			return
		}
		first(message.OK{Version: 1, HasVersion: true})
		reply(message.OK{Version: 2, HasVersion: true})
	}
	d := dispatcher(t, dispatch.Config{
		Local: router(t, running("greet", serve)),
		Place: func(_ *message.Message, _ *dispatch.ServiceInfo, candidates []dispatch.Node) []dispatch.Node {
			return []dispatch.Node{candidates[0], candidates[0]}
		},
	})
	r := d.Dispatch(t.Context(), greet(), dispatch.Within(5*time.Second)).Response
	if ok, is := r.(message.OK); !is || ok.Version != 2 || runs != 2 {
		t.Errorf("answered %#v after %d runs", r, runs)
	}
}
