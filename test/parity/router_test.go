package parity

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
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
