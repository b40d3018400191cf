package parity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

func TestRouter_PublicServicesAreAnnounced(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies(), answers("plain", message.OK{}))
		gateway := registryOf(g, dispatch.RegistryConfig{})
		same(t, "announced", names(gateway.Services(dispatch.AllServices)), []string{"add", "close", "look", "open", "plain", "withdraw"})
		want(t, elsewhere(t, gateway).Dispatch(t.Context(), g.message("open", `{"id":"a"}`)).Response, created("a", 0))
	})
}

func TestRouter_PrivateServicesAreNotForGateways(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.handler("open").Visibility = v1alpha1.VisibilityPrivate
		g := start(s)
		_, err := pb.NewDispatcherClient(g.throughGateway()).Dispatch(t.Context(), wireRequest(t, "open", `{"id":"a"}`))
		want(t, wire.DecodeResponse(nil, status.Convert(err)), message.ServiceUnavailable{Service: "open", NoSuchService: true})
		same(t, "stored", len(g.events("a")), 0)
	})
}

func TestRouter_PrivateServicesAreForTheGroup(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.handler("open").Visibility = v1alpha1.VisibilityPrivate
		g := start(s)
		want(t, g.do("open", `{"id":"a"}`), created("a", 0))
		other := elsewhere(t, registryOf(g, groupNode))
		want(t, other.Dispatch(t.Context(), g.message("open", `{"id":"b"}`)).Response, created("b", 0))
	})
}

func TestRouter_ServiceAndCommandMayHaveDifferentNames(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies(), answers("plain", message.OK{}))
		s.also("tally.start", "open")
		s.also("hello", "plain")
		g := start(s)
		want(t, g.do("tally.start", `{"id":"a"}`), created("a", 0))
		want(t, g.do("hello", ""), message.OK{})
		same(t, "recorded service", g.events("a")[0].Command.Service, "tally.start")
	})
}

func TestRouter_PlainServiceAnswers(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		greet := dispatch.Typed("greet", func(_ context.Context, m *message.Message, c struct {
			Name string `json:"name"`
		}) message.Response {
			return m.OK("hello " + c.Name).Response
		})
		g := serving(t, start, greet)
		same(t, "greeting", value[string](t, g.do("greet", `{"name":"Ada"}`)), "hello Ada")
		want(t, g.do("greet", `{"name":7}`), invalid("name", "has to be a string, not a JSON number"))
	})
}

func TestRouter_PlainServiceWithoutAnAnswerTimesOut(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		ran := make(chan struct{}, 1)
		g := serving(t, start, dispatch.Func("noreply", func(context.Context, *message.Message) message.Response {
			ran <- struct{}{}
			return nil
		}))
		r := is[message.ServiceTimeout](t, g.do("noreply", ""))
		same(t, "timeout", r.Timeout, 5*time.Second)
		<-ran
	})
}

func TestRouter_EveryMemberRunsAPlainService(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(answers("plain", message.OK{}))
		s.members = 3
		g := start(s)
		for _, m := range g.local.Members() {
			want(t, m.Dispatcher().Dispatch(t.Context(), g.message("plain", "")).Response, message.OK{})
		}
	})
}

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
		want(t, as(admin, `{"id":"a"}`), message.Forbidden{Reason: "the access rule could not be evaluated"})
		want(t, as(admin, `{"id":"a","n":1}`), created("a", 0))
	})
}

func TestRouter_ServicesByVisibility(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.handler("close").Visibility = v1alpha1.VisibilityPrivate
		s.handler("look").Visibility = v1alpha1.VisibilityPrivate
		d := start(s).dispatcher()
		same(t, "public", names(d.Services(dispatch.PublicServices)), []string{"add", "open", "withdraw"})
		same(t, "private", names(d.Services(dispatch.PrivateServices)), []string{"close", "look"})
		same(t, "all", names(d.Services(dispatch.AllServices)), []string{"add", "close", "look", "open", "withdraw"})
	})
}

func TestRouter_ServicesHaveDocsAndSchemas(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		plain := dispatch.Typed("plain", func(context.Context, *message.Message, request) message.Response { return nil }).Doc("Says hello.")
		g := serving(t, start, newTallies(), plain)
		services := g.dispatcher().Services(dispatch.AllServices)
		i := slices.IndexFunc(services, func(a dispatch.Announcement) bool { return a.Name == "plain" })
		same(t, "doc", services[i].Doc, "Says hello.")
		for _, a := range services {
			if schema := string(a.Info.RequestSchema); !strings.Contains(schema, `"id"`) || !strings.Contains(schema, `"integer"`) {
				t.Errorf("schema of %s: %s", a.Name, schema)
			}
		}
		i = slices.IndexFunc(services, func(a dispatch.Announcement) bool { return a.Name == "open" })
		same(t, "stream and binding", []string{string(services[i].Info.Stream), services[i].Info.On, services[i].Info.IDField}, []string{tallies, "New", "id"})
	})
}

func TestRouter_RegisteringTwiceChangesNothing(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		r := registryOf(g, groupNode)
		node, services := g.dispatcher().Runner(), g.dispatcher().Services(dispatch.AllServices)
		before := r.Services(dispatch.AllServices)
		r.Join(node, services)
		same(t, "services", names(r.Services(dispatch.AllServices)), names(before))
		same(t, "providers", len(r.Providers("open")), 1)
		router := &dispatch.Router{}
		plain := answers("plain", message.OK{}).Service()
		if err := errors.Join(router.Register(plain), router.Register(plain)); err != nil {
			t.Error(err)
		}
		same(t, "registered", len(router.Services(dispatch.AllServices)), 1)
		var conflict *dispatch.ConflictError
		if err := router.Register(answers("plain", nil).Service()); !errors.As(err, &conflict) {
			t.Errorf("another service of that name: %v", err)
		}
	})
}

func TestRouter_WhoJoinsLearnsAllPublicServices(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies(), answers("plain", message.OK{}))
		s.handler("look").Visibility = v1alpha1.VisibilityPrivate
		g := start(s)
		list, err := pb.NewDispatcherClient(g.throughGateway()).ListServices(t.Context(), &pb.ListServicesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var learned []string
		for _, one := range list.GetServices() {
			learned = append(learned, one.GetName())
		}
		same(t, "learned", learned, []string{"add", "close", "open", "plain", "withdraw"})
	})
}

func TestRouter_WhoLeavesTakesTheServicesAlong(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		r := registryOf(g, groupNode)
		r.Join(&fakeNode{id: "other"}, []dispatch.Announcement{{Name: "open"}, {Name: "other"}})
		r.Leave(string(g.member().ID()))
		same(t, "services", names(r.Services(dispatch.AllServices)), []string{"open", "other"})
		r.Leave("other")
		want(t, elsewhere(t, r).Dispatch(t.Context(), g.message("open", `{"id":"a"}`)).Response, message.ServiceUnavailable{Service: "open", NoSuchService: true})
	})
}

func TestRouter_DispatchWaitsFiveSeconds(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, answers("silent", nil))
		began := time.Now()
		same(t, "timeout", is[message.ServiceTimeout](t, g.do("silent", "")).Timeout, 5*time.Second)
		same(t, "waited", time.Since(began), 5*time.Second)
	})
}

func TestRouter_DispatchWithATimeoutOfItsOwn(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		s := hosting(answers("silent", nil))
		s.also("patient", "silent").Timeout.Duration = time.Minute
		g := start(s)
		began := time.Now()
		is[message.ServiceTimeout](t, g.send(g.message("silent", ""), dispatch.Within(7*time.Second)).Response)
		same(t, "the caller's", time.Since(began), 7*time.Second)
		began = time.Now()
		is[message.ServiceTimeout](t, g.do("patient", ""))
		same(t, "the handler's", time.Since(began), time.Minute)
	})
}

func TestRouter_DispatchWithoutATimeout(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, dispatch.Func("slow", func(_ context.Context, m *message.Message) message.Response {
			<-time.After(10 * time.Minute)
			return m.OK().Response
		}))
		want(t, g.send(g.message("slow", ""), dispatch.NoTimeout).Response, message.OK{})
	})
}

func TestRouter_LocalProviderFirst(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, answers("plain", message.OK{Value: encoded([]any{"far"})}))
		near := elsewhere(t, registryOf(g, groupNode), answers("plain", message.OK{Value: encoded([]any{"near"})}))
		for range 3 {
			same(t, "answered", value[string](t, near.Dispatch(t.Context(), g.message("plain", "")).Response), "near")
		}
	})
}

func TestRouter_RemoteProviderElse(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		near := elsewhere(t, registryOf(g, groupNode), answers("plain", message.OK{}))
		answer := near.Dispatch(t.Context(), g.message("open", `{"id":"a"}`))
		want(t, answer.Response, created("a", 0))
		same(t, "origin", answer.Origin, "elsewhere")
		same(t, "stored", len(g.events("a")), 1)
	})
}

func TestRouter_AHaltedMessageComesBackUntouched(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		m := g.message("open", `{"id":"a"}`).Error("no")
		before := *m
		answer := g.send(m)
		if answer != m || answer.InvokedAt != before.InvokedAt || string(answer.Raw.JSON()) != `{"id":"a"}` {
			t.Errorf("it came back as %+v", answer)
		}
		want(t, answer.Response, refusal("no"))
		same(t, "stored", len(g.events("a")), 0)
	})
}

func TestRouter_ToTheOwnerOfTheID(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.members = 3
		g := start(s)
		client := pb.NewDispatcherClient(g.throughGateway())
		for i := range 20 {
			id := fmt.Sprintf("a%d", i)
			r, err := client.Dispatch(t.Context(), wireRequest(t, "open", `{"id":"`+id+`"}`))
			if err != nil {
				t.Fatal(err)
			}
			owner, _ := g.local.Ring().Owner(ring.SlotOf(message.Stream(tallies+"-"+id), 16))
			same(t, "answered by", r.GetServed().GetMember(), string(owner.ID))
		}
		for _, m := range g.local.Members() {
			if n, _ := m.Host().Actors(); n == 0 {
				t.Errorf("member %s got nothing", m.ID())
			}
		}
	})
}

func TestRouter_AMemberRunsNoAggregateOfAnother(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.members = 2
		g := start(s)
		for i := range 10 {
			id := fmt.Sprintf("a%d", i)
			owner, _ := g.local.Ring().Owner(ring.SlotOf(message.Stream(tallies+"-"+id), 16))
			for _, m := range g.local.Members() {
				r := m.Dispatcher().Dispatch(t.Context(), g.message("open", `{"id":"`+id+`"}`)).Response
				if string(m.ID()) == string(owner.ID) {
					want(t, r, created(message.AggregateID(id), 0))
				} else {
					is[message.ServiceUnavailable](t, r)
				}
			}
		}
	})
}

func TestRouter_TheServiceRunsOnAfterATimeout(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		release, ran := make(chan struct{}), make(chan error, 1)
		g := serving(t, start, dispatch.Func("slow", func(ctx context.Context, m *message.Message) message.Response {
			<-release
			ran <- ctx.Err()
			return m.OK("late").Response
		}))
		p := g.begin(g.message("slow", ""), dispatch.Within(time.Second))
		is[message.ServiceTimeout](t, p.response())
		close(release)
		if err := <-ran; err != nil {
			t.Errorf("the service's context has ended: %v", err)
		}
		synctest.Wait()
		if p.answered() {
			t.Errorf("the late reply reached the caller: %#v", p.response())
		}
	})
}

func TestRouter_ARetryAfterATimeoutGetsTheOutcome(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		stall := g.store.stallNext()
		is[message.ServiceTimeout](t, g.send(g.messageAs("m-1", "open", `{"id":"a","n":1}`), dispatch.Within(time.Second)).Response)
		stall.store()
		want(t, g.doAs("m-1", "open", `{"id":"a","n":1}`), created("a", 0))
		same(t, "stored", len(g.events("a")), 1)
	})
}

func TestRouter_WhatIsPastItsDeadlineIsNotStarted(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		stall := g.store.stallNext()
		first := g.begin(g.message("open", `{"id":"a","n":1}`), dispatch.Within(time.Minute))
		<-stall.reached
		is[message.ServiceTimeout](t, g.send(g.message("add", `{"id":"a","n":2}`), dispatch.Within(time.Second)).Response)
		stall.store()
		first.response()
		synctest.Wait()
		same(t, "stored", types(g.events("a")), []string{"opened"})
	})
}

func TestRouter_ValidateIsADryRun(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		service, got := seen()
		g := serving(t, start, newTallies(), service)
		for given, want := range map[message.DryRun]message.DryRun{message.Real: message.Dry, message.Dry: message.Dry, message.Verbose: message.Verbose} {
			m := g.message("seen", "")
			m.DryRun = given
			g.dispatcher().Validate(t.Context(), m)
			same(t, "dry run", (<-got).DryRun, want)
		}
		want(t, g.dispatcher().Validate(t.Context(), g.message("open", `{"id":"a"}`)).Response, ok(message.NoVersion))
		same(t, "stored", len(g.events("a")), 0)
	})
}

func TestRouter_ValidateAnswersAsDispatchWould(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.also("open_denied", "open").Access = v1alpha1.AccessDenied
		g := start(s)
		g.do("open", `{"id":"a","n":5}`)
		for _, c := range [][2]string{
			{"open", `{"id":"a"}`}, {"add", `{"id":"a"}`}, {"add", `{}`}, {"look", `{"id":"b"}`}, {"look", `{"id":"a"}`},
			{"open_denied", `{"id":"b"}`}, {"nobody_has_it", ""},
		} {
			would := g.dispatcher().Validate(t.Context(), g.message(c[0], c[1])).Response
			want(t, would, g.do(c[0], c[1]))
		}
		would := g.dispatcher().Validate(t.Context(), g.message("withdraw", `{"id":"a","n":9}`)).Response
		same(t, "stored", len(g.events("a")), 1)
		want(t, would, g.do("withdraw", `{"id":"a","n":9}`))
	})
}

func TestRouter_ValidateThroughTheGateway(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		client := pb.NewDispatcherClient(g.throughGateway())
		would := func(service, body string) message.Response {
			r, err := client.Validate(t.Context(), wireRequest(t, service, body))
			return wire.DecodeResponse(r, status.Convert(err))
		}
		want(t, would("open", `{"id":"a"}`), ok(message.NoVersion))
		want(t, would("add", `{"id":"a"}`), invalid("n", "must not be 0"))
		want(t, would("look", `{"id":"a"}`), notFound("a"))
		same(t, "stored", len(g.events("a")), 0)
	})
}

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

func TestRouter_AServiceChoosesTheNode(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		chosen := "far"
		choose := func(*message.Message) string { return chosen }
		far := answers("where", message.OK{Value: encoded([]any{"far"})})
		g := serving(t, start, far)
		chosen = string(g.member().ID())
		near := elsewhere(t, registryOf(g, groupNode), answers("where", message.OK{Value: encoded([]any{"near"})}).ChooseNode(choose))
		same(t, "answered", value[string](t, near.Dispatch(t.Context(), g.message("where", "")).Response), "far")
		chosen = "elsewhere"
		same(t, "answered", value[string](t, near.Dispatch(t.Context(), g.message("where", "")).Response), "near")
	})
}

func TestRouter_TryAnotherNode(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, answers("picky", message.OK{Value: encoded([]any{"far"})}))
		near := elsewhere(t, registryOf(g, groupNode), answers("picky", message.TryAnotherNode{Reason: "no cache"}))
		same(t, "answered", value[string](t, near.Dispatch(t.Context(), g.message("picky", "")).Response), "far")
	})
}

func TestRouter_NoOtherNodeIsLeft(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, answers("picky", message.TryAnotherNode{Reason: "busy"}))
		near := elsewhere(t, registryOf(g, groupNode), answers("picky", message.TryAnotherNode{Reason: "no cache"}))
		want(t, near.Dispatch(t.Context(), g.message("picky", "")).Response, message.NoNodesAvailable{Service: "picky", Refusals: []message.Refusal{
			{Node: "elsewhere", Reason: "no cache"}, {Node: string(g.member().ID()), Reason: "busy"},
		}})
	})
}
