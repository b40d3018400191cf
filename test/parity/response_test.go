package parity

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// answers is a plain service that answers always the same.
func answers(name message.ServiceName, r message.Response) *dispatch.FuncService {
	return dispatch.Func(name, func(context.Context, *message.Message) message.Response { return r })
}

func TestResponse_OK(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, dispatch.Func("plain", func(_ context.Context, m *message.Message) message.Response { return m.OK().Response }))
		want(t, g.do("plain", ""), message.OK{})
	})
}

func TestResponse_OKWithValue(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, dispatch.Func("plain", func(_ context.Context, m *message.Message) message.Response {
			return m.OK(map[string]int{"n": 7}).Response
		}))
		same(t, "value", value[map[string]int](t, g.do("plain", "")), map[string]int{"n": 7})
	})
}

func TestResponse_OKWithVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.do("withdraw", `{"id":"a","n":2}`), ok(1))
	})
}

func TestResponse_OKWithValueAndVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.do("add", `{"id":"a","n":5}`), ok(0, 5))
		want(t, g.do("add", `{"id":"a","n":2}`), ok(1, 7))
	})
}

func TestResponse_Created(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, dispatch.Func("plain", func(_ context.Context, m *message.Message) message.Response { return m.Created("a").Response }))
		want(t, g.do("plain", ""), message.Created{ID: "a"})
	})
}

func TestResponse_CreatedWithVersion(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("open_twice", func(m *msg, _ tally, _ request) decision {
			return m.Emit(d.opened(opened{}), d.added(added{1})).Created("welcome")
		})
		g := serving(t, start, d)
		want(t, g.do("open", `{"id":"a"}`), created("a", 0))
		r := created("b", 1)
		r.Value = encoded([]any{"welcome"})
		want(t, g.do("open_twice", `{"id":"b"}`), r)
	})
}

func TestResponse_ServiceUnavailableNamesTheService(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.do("nobody_has_it", `{"id":"a"}`), message.ServiceUnavailable{Service: "nobody_has_it", NoSuchService: true})
	})
}

func TestResponse_ServiceTimeoutNamesServiceMessageAndTime(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, start start) {
		g := serving(t, start, answers("silent", nil))
		m := g.messageAs("m-1", "silent", "")
		want(t, g.send(m, dispatch.Within(3*time.Second)).Response,
			message.ServiceTimeout{Service: "silent", MessageID: "m-1", Timeout: 3 * time.Second})
	})
}

func TestResponse_ValidationErrorCarriesTheRequest(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		r := is[message.ValidationError](t, g.do("add", `{"id":"a"}`))
		want(t, r, invalid("n", "must not be 0"))
		same(t, "request", r.Request, any(request{ID: "a"}))
	})
}

func TestResponse_MissingIDNamesTheField(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.handler("look").ID = "n"
		g := start(s)
		want(t, g.do("look", `{}`), message.MissingID{Field: "n"})
	})
}

func TestResponse_UnauthorizedWithoutAuthentication(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		s := hosting(newTallies())
		s.handler("open").Access = v1alpha1.AccessAuthenticated
		g := start(s)
		want(t, g.do("open", `{"id":"a"}`), message.Unauthorized{Reason: "the service needs an authenticated caller"})
		m := g.message("open", `{"id":"a"}`)
		m.Caller = message.Caller{Name: "ada", Authenticated: true}
		want(t, g.send(m).Response, created("a", 0))
	})
}

func TestResponse_ErrorIsTheDomainsOwn(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("deny", func(m *msg, _ tally, _ request) decision { return m.Error("no_way") })
		g := serving(t, start, d)
		g.do("open", `{"id":"a","n":5}`)
		want(t, g.do("deny", `{"id":"a"}`), refusal("no_way"))
		want(t, g.do("withdraw", `{"id":"a","n":9}`), refusal("not_enough", 5))
	})
}

func TestResponse_NotFoundNamesTheAggregate(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		want(t, g.do("look", `{"id":"nobody"}`), message.NotFound{Stream: tallies, ID: "nobody"})
	})
}

func TestResponse_WrongExpectedVersionTellsTheCurrentOne(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, newTallies())
		g.do("open", `{"id":"a"}`)
		g.do("add", `{"id":"a","n":1}`)
		want(t, g.do("open", `{"id":"a"}`), conflict(1))
		m := g.message("add", `{"id":"a","n":1}`)
		m.Expected = version(0)
		want(t, g.send(m).Response, message.WrongExpectedVersion{Expected: 0, Current: 1})
		m = g.message("add", `{"id":"a","n":1}`)
		m.Expected = version(1)
		want(t, g.send(m).Response, ok(2, 2))
	})
}

func TestResponse_ForbiddenWithAndWithoutReason(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		bare, reasoned := newTallies(), answers("plain", message.OK{})
		bare.Authorize(func(*msg) message.Response { return message.Forbidden{} })
		reasoned.Authorize(func(*message.Message) message.Response { return message.Forbidden{Reason: "not on Sundays"} })
		g := serving(t, start, bare, reasoned)
		want(t, g.do("open", `{"id":"a"}`), message.Forbidden{})
		want(t, g.do("plain", ""), message.Forbidden{Reason: "not on Sundays"})
	})
}

func TestResponse_NoNodesAvailableTellsWhoRefusedAndWhy(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		g := serving(t, start, answers("picky", message.TryAnotherNode{Reason: "no cache"}))
		want(t, g.do("picky", ""), message.NoNodesAvailable{
			Service: "picky", Refusals: []message.Refusal{{Node: string(g.member().ID()), Reason: "no cache"}},
		})
	})
}

func TestResponse_ACrashIsAnError(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		d.command("add_crash", func(*msg, tally, request) decision { panic("secret") })
		g := serving(t, start, d, dispatch.Func("crash", func(context.Context, *message.Message) message.Response { panic("secret") }))
		want(t, g.do("add_crash", `{"id":"a"}`), message.Crashed{Reason: "the handler panicked in decide"})
		want(t, g.do("crash", ""), message.Crashed{Reason: "the service panicked in run"})
	})
}

func TestResponse_KindsCrossTheWire(t *testing.T) {
	onEveryStore(t, func(t *testing.T, start start) {
		d := newTallies()
		s := hosting(d, answers("plain", message.OK{Value: encoded([]any{"hello"})}))
		s.also("open_denied", "open").Access = v1alpha1.AccessDenied
		g := start(s)
		client := pb.NewDispatcherClient(g.throughGateway())
		for _, c := range []struct {
			service, body string
			want          message.Response
		}{
			{"plain", "", message.OK{Value: encoded([]any{"hello"})}},
			{"open", `{"id":"a","n":1}`, created("a", 0)},
			{"add", `{"id":"a","n":1}`, ok(1, 2)},
			{"open", `{"id":"a","n":1}`, conflict(1)},
			{"withdraw", `{"id":"a","n":9}`, refusal("not_enough", 2)},
			{"add", `{"id":"a"}`, invalid("n", "must not be 0")},
			{"look", `{}`, message.MissingID{Field: "id"}},
			{"look", `{"id":"b"}`, notFound("b")},
			{"open_denied", `{"id":"b"}`, message.Forbidden{}},
			{"nobody_has_it", "", message.ServiceUnavailable{Service: "nobody_has_it", NoSuchService: true}},
		} {
			got, err := client.Dispatch(t.Context(), wireRequest(t, c.service, c.body))
			want(t, wire.DecodeResponse(got, status.Convert(err)), c.want)
		}
	})
}
