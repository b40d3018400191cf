package dispatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

type (
	call = func(context.Context, *message.Message) message.Response
	run  = func(context.Context, *message.Message, func(message.Response))
)

// public is a service that everybody may call.
func public(name message.ServiceName, f call) *dispatch.Service {
	return dispatch.Func(name, f).Access(dispatch.AccessPublic).Service()
}

// running is a public service that replies in its own time.
func running(name message.ServiceName, f run) *dispatch.Service {
	return &dispatch.Service{Name: name, Access: dispatch.AccessPublic, Run: f}
}

func answers(r message.Response) call {
	return func(context.Context, *message.Message) message.Response { return r }
}

func router(t *testing.T, services ...*dispatch.Service) *dispatch.Router {
	t.Helper()
	r := new(dispatch.Router)
	if err := r.Register(services...); err != nil {
		t.Fatal(err)
	}
	return r
}

// dispatcher starts a dispatcher that is closed when the test ends.
func dispatcher(t *testing.T, cfg dispatch.Config) *dispatch.Dispatcher {
	t.Helper()
	if cfg.Node == "" {
		cfg.Node = "here"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	d, err := dispatch.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return d
}

// local is a dispatcher of services of its own node.
func local(t *testing.T, services ...*dispatch.Service) *dispatch.Dispatcher {
	t.Helper()
	return dispatcher(t, dispatch.Config{Local: router(t, services...)})
}

// node is another node, made of functions.
type node struct {
	id         string
	dispatch   run
	authorized func(context.Context, *message.Message) (bool, message.Response, error)
}

func (n *node) ID() string { return n.id }
func (n *node) Dispatch(ctx context.Context, m *message.Message, reply func(message.Response)) {
	n.dispatch(ctx, m, reply)
}
func (n *node) Authorized(ctx context.Context, m *message.Message) (bool, message.Response, error) {
	return n.authorized(ctx, m)
}

// replies is a node that answers everything with r.
func replies(id string, r message.Response) *node {
	return &node{id: id, dispatch: func(_ context.Context, _ *message.Message, reply func(message.Response)) { reply(r) }}
}

// group is a registry of nodes that all offer a public service.
func group(service message.ServiceName, nodes ...dispatch.Node) *dispatch.Registry {
	r := dispatch.NewRegistry(dispatch.RegistryConfig{SeesPrivate: true})
	for _, n := range nodes {
		r.Join(n, []dispatch.Announcement{{Name: service}})
	}
	return r
}

func greet() *message.Message { return message.New("greet", message.Body{}) }

func ok(text string) message.OK {
	v, err := message.NewValue(text)
	if err != nil {
		panic(err)
	}
	return message.OK{Value: v}
}

// textOf is the text of an OK; anything else fails the test.
func textOf(t *testing.T, r message.Response) (text string) {
	t.Helper()
	accepted, is := r.(message.OK)
	if !is {
		t.Fatalf("answered %#v, want OK", r)
	}
	if err := accepted.Value.Decode(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// recorder keeps events.
type recorder struct {
	mu     sync.Mutex
	events []dispatch.Event
}

func (r *recorder) Observe(e dispatch.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) all() []dispatch.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// steps is the steps so far, with the node where there is one.
func (r *recorder) steps() string {
	var out []string
	for _, e := range r.all() {
		out = append(out, e.Step.String()+"@"+e.Node)
	}
	return strings.Join(out, " ")
}

// logged is a log that a test reads.
type logged struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(b)
}

func (l *logged) handler() slog.Handler {
	return slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})
}

func (l *logged) lines(t *testing.T) (lines []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.out.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, one)
	}
	return lines
}
