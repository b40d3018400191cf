package parity

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

// registryOf is what another process knows of a group: its members as nodes,
// with the services that they announced.
func registryOf(g *group, cfg dispatch.RegistryConfig) *dispatch.Registry {
	r := dispatch.NewRegistry(cfg)
	for _, m := range g.local.Members() {
		r.Join(m.Dispatcher().Runner(), m.Dispatcher().Services(dispatch.AllServices))
	}
	return r
}

// groupNode is a node of the same group.
var groupNode = dispatch.RegistryConfig{SeesPrivate: true}

// elsewhere is the dispatcher of another process that has plain services of its
// own and knows other nodes; it ends with the test.
func elsewhere(t *testing.T, r *dispatch.Registry, services ...*dispatch.FuncService) *dispatch.Dispatcher {
	t.Helper()
	router := &dispatch.Router{}
	for _, s := range services {
		if err := router.Register(s.Access(dispatch.AccessPublic).Service()); err != nil {
			t.Fatal(err)
		}
	}
	d, err := dispatch.New(dispatch.Config{Node: "elsewhere", Local: router, Registry: r, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := d.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return d
}

// fakeNode is a node that answers what a test says.
type fakeNode struct {
	id         string
	dispatch   func(*message.Message) message.Response
	authorized func(context.Context) (bool, message.Response, error)
}

// ID returns the node's name.
func (n *fakeNode) ID() string { return n.id }

// Dispatch answers at once; nil is no answer.
func (n *fakeNode) Dispatch(_ context.Context, m *message.Message, reply func(message.Response)) {
	if r := n.dispatch(m); r != nil {
		reply(r)
	}
}

// Authorized answers what the test says.
func (n *fakeNode) Authorized(ctx context.Context, _ *message.Message) (bool, message.Response, error) {
	return n.authorized(ctx)
}

// names returns the names of services.
func names(services []dispatch.Announcement) []string {
	out := make([]string, len(services))
	for i, s := range services {
		out[i] = string(s.Name)
	}
	return out
}
