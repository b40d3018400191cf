package dispatch_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

func declines(id, reason string) *node { return replies(id, message.TryAnotherNode{Reason: reason}) }

func unreachable(id, reason string) *node {
	return replies(id, message.ServiceUnavailable{Service: "greet", Reason: reason})
}

func TestDispatch_TryAnotherNode(t *testing.T) {
	gone := replies("d", message.ServiceUnavailable{Service: "greet", NoSuchService: true})
	refused := func(pairs ...string) (out []message.Refusal) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, message.Refusal{Node: pairs[i], Reason: pairs[i+1]})
		}
		return out
	}
	for name, test := range map[string]struct {
		local *dispatch.Service
		nodes []dispatch.Node
		want  message.Response
	}{
		"the next node runs it": {
			nodes: []dispatch.Node{declines("a", "busy"), replies("b", ok("b"))},
			want:  ok("b"),
		},
		"a node that cannot be reached is passed over": {
			nodes: []dispatch.Node{unreachable("a", "connection refused"), gone, replies("b", ok("b"))},
			want:  ok("b"),
		},
		"this node too": {
			local: public("greet", answers(message.TryAnotherNode{Reason: "no cache"})),
			nodes: []dispatch.Node{replies("b", ok("b"))},
			want:  ok("b"),
		},
		"none is left": {
			local: public("greet", answers(message.TryAnotherNode{Reason: "no cache"})),
			nodes: []dispatch.Node{declines("a", "busy"), replies("here", ok("loop")), unreachable("b", "connection refused"), gone},
			want: message.NoNodesAvailable{Service: "greet", Refusals: refused(
				"here", "no cache", "a", "busy", "b", "connection refused", "d", "the node does not have the service")},
		},
		"the only one declines": {
			nodes: []dispatch.Node{declines("a", "busy")},
			want:  message.NoNodesAvailable{Service: "greet", Refusals: refused("a", "busy")},
		},
		"the only one cannot be reached": {
			nodes: []dispatch.Node{unreachable("a", "connection refused")},
			want:  message.ServiceUnavailable{Service: "greet", Reason: "connection refused"},
		},
		"none can be reached": {
			nodes: []dispatch.Node{unreachable("a", "connection refused"), unreachable("b", "no route")},
			want:  message.ServiceUnavailable{Service: "greet", Reason: "a: connection refused; b: no route"},
		},
		"nobody has it any more": {
			nodes: []dispatch.Node{gone},
			want:  message.ServiceUnavailable{Service: "greet", NoSuchService: true, Reason: "the node does not have the service"},
		},
		"a refusal is an answer": {
			nodes: []dispatch.Node{replies("a", message.Forbidden{}), replies("b", ok("b"))},
			want:  message.Forbidden{},
		},
		"another service that is unavailable is an answer": {
			nodes: []dispatch.Node{replies("a", message.ServiceUnavailable{Service: "mail"}), replies("b", ok("b"))},
			want:  message.ServiceUnavailable{Service: "mail"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := dispatch.Config{Registry: group("greet", test.nodes...)}
			if test.local != nil {
				cfg.Local = router(t, test.local)
			}
			if got := dispatcher(t, cfg).Dispatch(t.Context(), greet()).Response; !reflect.DeepEqual(got, test.want) {
				t.Errorf("answered %#v, want %#v", got, test.want)
			}
		})
	}
}

func TestDispatch_TheNextNodeGetsTheMessageAsItWas(t *testing.T) {
	var first *message.Message
	spoils := &node{id: "a", dispatch: func(_ context.Context, m *message.Message, reply func(message.Response)) {
		first = m
		m.PutRequest("typed", message.Violations{{Message: "wrong"}}).AddEvent("event")
		m.Aggregate.ID = "acc-1"
		reply(message.TryAnotherNode{})
	}}
	checks := &node{id: "b", dispatch: func(_ context.Context, m *message.Message, reply func(message.Response)) {
		if m == first || m.Halted || !m.Valid || m.Response != nil || m.Request != nil || m.Events() != nil || m.Aggregate.ID != "" {
			t.Errorf("the second node got %+v", m)
		}
		if m.ID != first.ID || string(m.Raw.JSON()) != `{"name":"Ada"}` {
			t.Errorf("the second node got another message: %+v", m)
		}
		reply(ok("b"))
	}}
	reply := dispatcher(t, dispatch.Config{Registry: group("greet", spoils, checks)}).Dispatch(t.Context(), request(t, `{"name":"Ada"}`))
	if text := textOf(t, reply.Response); text != "b" || !reply.Valid {
		t.Errorf("answered %q, valid %v", text, reply.Valid)
	}
}

func TestDispatch_ANodeThatWasPassedOverIsNotHeardAgain(t *testing.T) {
	again := &node{id: "a", dispatch: func(_ context.Context, _ *message.Message, reply func(message.Response)) {
		reply(message.TryAnotherNode{})
		reply(message.TryAnotherNode{})
		reply(ok("a"))
	}}
	var asked int
	var answer func(message.Response)
	waits := &node{id: "b", dispatch: func(_ context.Context, _ *message.Message, reply func(message.Response)) {
		asked++
		answer = reply
	}}
	unasked := &node{id: "c", dispatch: func(context.Context, *message.Message, func(message.Response)) { t.Error("c was asked") }}
	d := dispatcher(t, dispatch.Config{Registry: group("greet", again, waits, unasked)})
	var got *message.Message
	d.Start(t.Context(), greet(), func(m *message.Message) { got = m })
	if got != nil || asked != 1 {
		t.Fatalf("b was asked %d times, and the caller was answered: %v", asked, got != nil)
	}
	answer(ok("b"))
	wantAnswer(t, got.Response, "b")
}

func TestDispatch_PlaceOrdersTheNodes(t *testing.T) {
	a, b := replies("a", ok("a")), declines("b", "moved")
	stranger := replies("stranger", ok("stranger"))
	for name, test := range map[string]struct {
		place dispatch.Place
		want  string
	}{
		"the owner only": {
			func(_ *message.Message, _ *dispatch.ServiceInfo, c []dispatch.Node) []dispatch.Node { return c[2:3] }, "no_nodes_available",
		},
		"the owner first": {
			func(_ *message.Message, _ *dispatch.ServiceInfo, c []dispatch.Node) []dispatch.Node {
				return []dispatch.Node{c[2], c[1]}
			}, "a",
		},
		"a node that announced nothing yet": {
			func(*message.Message, *dispatch.ServiceInfo, []dispatch.Node) []dispatch.Node {
				return []dispatch.Node{stranger}
			}, "stranger",
		},
		"nobody": {
			func(*message.Message, *dispatch.ServiceInfo, []dispatch.Node) []dispatch.Node { return nil }, "service_unavailable",
		},
		"an answer of its own": {
			func(m *message.Message, info *dispatch.ServiceInfo, c []dispatch.Node) []dispatch.Node {
				m.PrepareAggregateID(info.Stream, info.IDField, info.GenerateID)
				return c
			}, "missing_id",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := *public("greet", answers(ok("here")))
			s.Info = dispatch.ServiceInfo{Stream: "accounts", IDField: "id"}
			place := func(m *message.Message, info *dispatch.ServiceInfo, c []dispatch.Node) []dispatch.Node {
				var ids []string
				for _, n := range c {
					ids = append(ids, n.ID())
				}
				if got := strings.Join(ids, " "); got != "here a b" {
					t.Errorf("candidates are %q, want this node, then a, then b", got)
				}
				return test.place(m, info, c)
			}
			d := dispatcher(t, dispatch.Config{Local: router(t, &s), Registry: group("greet", a, b, replies("here", ok("loop"))), Place: place})
			wantAnswer(t, d.Dispatch(t.Context(), greet()).Response, test.want)
		})
	}
}

func TestDispatch_ANodeThatPanicsIsCrashed(t *testing.T) {
	broken := &node{id: "a", dispatch: func(context.Context, *message.Message, func(message.Response)) { panic("no connection") }}
	got := dispatcher(t, dispatch.Config{Registry: group("greet", broken)}).Dispatch(t.Context(), greet()).Response
	if want := (message.Crashed{Reason: "the service panicked in ask node a"}); got != message.Response(want) {
		t.Errorf("answered %#v, want %#v", got, want)
	}
}

// member is a node of a group whose members know each other.
func member(t *testing.T, id string, members *dispatch.Registry, services ...*dispatch.Service) *dispatch.Dispatcher {
	t.Helper()
	local := router(t, services...)
	d := dispatcher(t, dispatch.Config{Node: id, Local: local, Registry: members})
	members.Join(d.Runner(), local.Announcements())
	return d
}

func TestDispatch_ServiceChoosesItsNode(t *testing.T) {
	// The service on a makes the choice; the one on b always chooses a, but what
	// was sent on to b stays there.
	for choice, want := range map[string]struct{ fromA, fromGateway string }{
		"":      {"a", "a"},
		"a":     {"a", "a"},
		"b":     {"b", "b"},
		"c":     {"a", "no_nodes_available"}, // a member then asks b, which sends it to a
		"panic": {"crashed", "crashed"},
	} {
		t.Run("chooses "+choice, func(t *testing.T) {
			members := dispatch.NewRegistry(dispatch.RegistryConfig{SeesPrivate: true})
			choosing := func(id, choice string) *dispatch.Service {
				return dispatch.Func("greet", answers(ok(id))).Access(dispatch.AccessPublic).
					ChooseNode(func(*message.Message) string {
						if choice == "panic" {
							panic("no choice")
						}
						return choice
					}).Service()
			}
			a := member(t, "a", members, choosing("a", choice))
			member(t, "b", members, choosing("b", "a"))
			gateway := dispatcher(t, dispatch.Config{Node: "gateway", Registry: group("greet", a.Runner())})
			wantAnswer(t, a.Dispatch(t.Context(), greet()).Response, want.fromA)
			wantAnswer(t, gateway.Dispatch(t.Context(), greet()).Response, want.fromGateway)
		})
	}
}

// wantAnswer wants an OK with a text, or else a response of that outcome.
func wantAnswer(t *testing.T, got message.Response, want string) {
	t.Helper()
	if accepted, is := got.(message.OK); is {
		if text := textOf(t, accepted); text != want {
			t.Errorf("answered %q, want %q", text, want)
		}
	} else if got.Outcome() != want {
		t.Errorf("answered %#v, want %s", got, want)
	}
}
