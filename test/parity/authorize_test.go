package parity

import (
	"testing"

	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/message"
)

func TestRouter_AuthorizeRunsBeforeTheService(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		n := &notes{}
		d := newTallies()
		d.Authorize(func(m *msg) message.Response {
			n.add("authorize " + string(m.Service()))
			if m.Service() == "close" {
				return message.Forbidden{}
			}
			return nil
		})
		d.command("open_noted", func(m *msg, _ tally, _ request) decision {
			n.add("decide")
			return m.Emit(d.opened(opened{})).Created()
		})
		g := serving(t, start, d)
		want(t, g.do("open_noted", `{"id":"a"}`), created("a", 0))
		same(t, "order", n.take(), []string{"authorize open_noted", "decide"})
		want(t, g.do("close", `{"id":"a"}`), message.Forbidden{})
		same(t, "stored", types(g.events("a")), []string{"opened"})
	})
}

func TestRouter_AuthorizeRunsForPrivateServices(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.Authorize(func(*msg) message.Response { return message.Forbidden{Reason: "asked"} })
		s := hosting(d)
		s.handler("open").Visibility = v1alpha1.VisibilityPrivate
		g := start(s)
		want(t, g.do("open", `{"id":"a"}`), message.Forbidden{Reason: "asked"})
		same(t, "stored", len(g.events("a")), 0)
	})
}

func TestRouter_AuthorizeRunsBeforeARepeatIsAnswered(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		allow := true
		d := newTallies()
		d.Authorize(func(*msg) message.Response {
			if allow {
				return nil
			}
			return message.Forbidden{}
		})
		g := serving(t, start, d)
		want(t, g.doAs("m-1", "open", `{"id":"a"}`), created("a", 0))
		allow = false
		want(t, g.doAs("m-1", "open", `{"id":"a"}`), message.Forbidden{})
	})
}

func TestRouter_DefaultIsForbidden(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies(), answers("plain", message.OK{}))
		for i := range s.handlers {
			s.handlers[i].Access = "" // as a manifest that does not say
		}
		s.also("open_private", "open").Visibility = v1alpha1.VisibilityPrivate
		g := start(s)
		want(t, g.do("open", `{"id":"a"}`), message.Forbidden{})
		want(t, g.do("open_private", `{"id":"a"}`), message.Forbidden{})
		want(t, g.do("plain", ""), message.Forbidden{})
		same(t, "stored", len(g.events("a")), 0)
	})
}

func TestRouter_AuthorizeAnswersWhatItReturns(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		for _, r := range []message.Response{
			refusal("closed_on_sundays", "Sunday"), message.Unauthorized{Reason: "who are you?"}, message.Forbidden{Reason: "not you"},
		} {
			d := newTallies()
			d.Authorize(func(*msg) message.Response { return r })
			d.command("open_noted", func(m *msg, _ tally, _ request) decision {
				t.Error("the command ran")
				return m.OK()
			})
			g := serving(t, start, d)
			want(t, g.do("open_noted", `{"id":"a"}`), r)
		}
	})
}

func TestRouter_AuthorizeSeesTheCallersClaims(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.Authorize(func(m *msg) message.Response {
			if m.Caller().Claims["role"] != "admin" {
				return message.Forbidden{Reason: m.Caller().Name + " is no admin"}
			}
			return nil
		})
		g := serving(t, start, d)
		m := g.message("open", `{"id":"a"}`)
		m.Caller = message.Caller{Name: "eve", Authenticated: true, Claims: map[string]any{"role": "guest"}}
		want(t, g.send(m).Response, message.Forbidden{Reason: "eve is no admin"})
		m = g.message("open", `{"id":"a"}`)
		m.Caller = message.Caller{Name: "ada", Authenticated: true, Claims: map[string]any{"role": "admin"}}
		want(t, g.send(m).Response, created("a", 0))
	})
}

func TestRouter_RulesInTheManifest(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		h := s.handler("open")
		h.Access, h.AccessRule = v1alpha1.AccessRule, `caller.authenticated && caller.claims.role == "admin" && request.n < 10`
		g := start(s)
		as := func(c message.Caller, body string) message.Response {
			m := g.message("open", body)
			m.Caller = c
			return g.send(m).Response
		}
		admin := message.Caller{Name: "ada", Authenticated: true, Claims: map[string]any{"role": "admin"}}
		want(t, as(message.Caller{}, `{"id":"a","n":1}`), message.Forbidden{})
		want(t, as(message.Caller{Name: "eve", Authenticated: true, Claims: map[string]any{"role": "guest"}}, `{"id":"a","n":1}`), message.Forbidden{})
		want(t, as(admin, `{"id":"a","n":10}`), message.Forbidden{})
		want(t, as(message.Caller{Name: "bob", Authenticated: true}, `{"id":"a","n":1}`), message.Forbidden{Reason: "the access rule could not be evaluated"})
		want(t, as(admin, `{"id":"a","n":1}`), created("a", 0))
	})
}
