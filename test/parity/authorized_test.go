package parity

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

func TestRouter_AuthorizedTellsWithoutRunning(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.Authorize(func(m *msg) message.Response {
			if m.Caller().Name == "eve" {
				return message.Forbidden{Reason: "known"}
			}
			return nil
		})
		d.command("open_noted", func(m *msg, _ tally, _ request) decision {
			t.Error("the command ran")
			return m.OK()
		})
		g := serving(t, start, d)
		m := g.message("open_noted", `{"id":"a"}`)
		if allowed, why := g.dispatcher().Authorized(t.Context(), m); !allowed || why != nil {
			t.Errorf("allowed %t, %#v", allowed, why)
		}
		m.Caller.Name = "eve"
		allowed, why := g.dispatcher().Authorized(t.Context(), m)
		if want(t, why, message.Forbidden{Reason: "known"}); allowed {
			t.Error("eve is allowed")
		}
		allowed, why = g.dispatcher().Authorized(t.Context(), g.message("nobody_has_it", ""))
		if want(t, why, message.ServiceUnavailable{Service: "nobody_has_it", NoSuchService: true}); allowed {
			t.Error("what nobody has is allowed")
		}
	})
}

func TestRouter_AuthorizedHasATimeoutOfItsOwn(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		slow := &fakeNode{id: "slow", authorized: func(ctx context.Context) (bool, message.Response, error) {
			<-ctx.Done()
			return false, nil, ctx.Err()
		}}
		r := dispatch.NewRegistry(groupNode)
		r.Join(slow, []dispatch.Announcement{{Name: "open"}})
		began := time.Now()
		allowed, why := elsewhere(t, r).Authorized(t.Context(), g.message("open", `{"id":"a"}`), dispatch.Within(3*time.Second))
		same(t, "waited", time.Since(began), 3*time.Second)
		if is[message.ServiceUnavailable](t, why); allowed {
			t.Error("it is allowed")
		}
	})
}

func TestRouter_AuthorizedPassesAFailingProviderOver(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		r := dispatch.NewRegistry(groupNode)
		r.Join(&fakeNode{id: "broken", authorized: func(context.Context) (bool, message.Response, error) {
			return false, nil, errors.New("connection refused")
		}}, []dispatch.Announcement{{Name: "open"}})
		r.Join(g.dispatcher().Runner(), g.dispatcher().Services(dispatch.AllServices))
		if allowed, why := elsewhere(t, r).Authorized(t.Context(), g.message("open", `{"id":"a"}`)); !allowed {
			t.Errorf("refused: %#v", why)
		}
	})
}
