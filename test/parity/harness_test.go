// Package parity has a test for each behaviour that docs/parity.md lists. Each
// runs through dispatch, on every store that keeps a group.
package parity

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/shard"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/memory"
	"github.com/ringhold/ringhold/store/sqlite"
)

// stores opens an empty group on each kind of store.
var stores = map[string]func(t *testing.T) store.Store{
	"memory": func(t *testing.T) store.Store {
		return memory.New(memory.Config{Group: "parity"})
	},
	"sqlite": func(t *testing.T) store.Store {
		s, err := sqlite.Open(t.Context(), sqlite.Config{
			Path: filepath.Join(t.TempDir(), "ringhold.db"), Group: "parity", Owner: "parity tests", Migrate: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	},
}

// onEveryStore runs a test as a subtest for each store, with a group that hosts
// what setup says.
func onEveryStore(t *testing.T, setup setup, test func(t *testing.T, g *group)) {
	t.Helper()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			g := &group{t: t, setup: setup, store: open(t)}
			t.Cleanup(func() {
				g.stop()
				if err := g.store.Close(); err != nil {
					t.Errorf("close the store: %v", err)
				}
			})
			g.start()
			test(t, g)
		})
	}
}

// setup says what a group hosts.
type setup struct {
	hosted   []shard.Hosted
	streams  []v1alpha1.StreamSpec
	handlers []v1alpha1.HandlerSpec
	metadata map[string]string
	observer dispatch.Observer
	log      slog.Handler // nil: logs go to the test's output
}

// group is a running group with one member.
type group struct {
	t     *testing.T
	setup setup
	store store.Store
	local *shard.Local
}

func (g *group) start() {
	g.t.Helper()
	m := &v1alpha1.AggregateService{}
	m.Name = "parity"
	m.Spec.Slots = 16
	m.Spec.EventMetadata = g.setup.metadata
	m.Spec.Streams = g.setup.streams
	m.Spec.Handlers = g.setup.handlers
	for i := range m.Spec.Streams {
		if s := &m.Spec.Streams[i]; s.MailboxLimit == 0 {
			s.MailboxLimit = 1000
		}
	}
	for i := range m.Spec.Handlers {
		setDefaults(&m.Spec.Handlers[i])
	}
	plan, err := shard.Resolve("parity.yaml", m, shard.Binary{Hosted: g.setup.hosted})
	if err != nil {
		g.t.Fatal(err)
	}
	handler := g.setup.log
	if handler == nil {
		handler = slog.NewTextHandler(g.t.Output(), nil)
	}
	g.local, err = shard.StartLocal(g.t.Context(), shard.LocalConfig{
		Store: g.store, Plan: plan, Members: 1, Observer: g.setup.observer,
		Logger: slog.New(dispatch.NewLogHandler(handler)),
	})
	if err != nil {
		g.t.Fatal(err)
	}
}

func setDefaults(h *v1alpha1.HandlerSpec) {
	if h.ID == "" {
		h.ID = "id"
	}
	if h.CommitTimeout.Duration == 0 {
		h.CommitTimeout.Duration = 5 * time.Second
	}
	if h.Access == "" {
		h.Access = v1alpha1.AccessPublic
	}
	if h.Visibility == "" {
		h.Visibility = v1alpha1.VisibilityPublic
	}
}

func (g *group) stop() {
	if g.local == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := g.local.Stop(ctx); err != nil {
		g.t.Errorf("stop: %v", err)
	}
	g.local = nil
}

// restart ends the group and starts it anew on the same store: everything that
// was in memory is gone.
func (g *group) restart() {
	g.t.Helper()
	g.stop()
	g.start()
}

func (g *group) dispatcher() *dispatch.Dispatcher { return g.local.Members()[0].Dispatcher() }

// newMessage makes a message with a JSON request.
func (g *group) newMessage(service, request string) *message.Message {
	g.t.Helper()
	raw, err := message.JSONBody([]byte(request))
	if err != nil {
		g.t.Fatal(err)
	}
	return message.New(message.ServiceName(service), raw)
}

// dispatch sends a request with a message id of its own.
func (g *group) dispatch(service, request string) message.Response {
	g.t.Helper()
	return g.send(g.newMessage(service, request))
}

// dispatchAs sends a request with a message id.
func (g *group) dispatchAs(id, service, request string) message.Response {
	g.t.Helper()
	m := g.newMessage(service, request)
	m.ID, m.CorrelationID, m.CausationID = message.ID(id), message.ID(id), message.ID(id)
	return g.send(m)
}

func (g *group) send(m *message.Message) message.Response {
	g.t.Helper()
	return g.dispatcher().Dispatch(g.t.Context(), m).Response
}

// unload drops an aggregate from memory, so that the next command loads it.
func (g *group) unload(stream message.StreamName, id message.AggregateID) {
	g.t.Helper()
	m := message.New("$unload", message.Body{})
	m.Aggregate.Stream, m.Aggregate.ID = stream, id
	done := make(chan message.Response, 1)
	g.local.Members()[0].Host().Unload(g.t.Context(), m, func(r message.Response) { done <- r })
	if _, ok := (<-done).(message.OK); !ok {
		g.t.Fatalf("unload %s %s failed", stream, id)
	}
}

// events returns what is stored of an aggregate.
func (g *group) events(stream message.StreamName, id message.AggregateID) []store.Event {
	g.t.Helper()
	events, err := g.store.ReadStream(g.t.Context(), stream.Of(id), 0, 1000)
	if err != nil {
		g.t.Fatal(err)
	}
	return events
}

// value decodes the value of an OK or Created response into a T.
func value[T any](t *testing.T, r message.Response) T {
	t.Helper()
	var v message.Value
	switch r := r.(type) { //nolint:gochecksumtype // the others have none
	case message.OK:
		v = r.Value
	case message.Created:
		v = r.Value
	default:
		t.Fatalf("response %#v has no value", r)
	}
	var out T
	if err := json.Unmarshal(v.JSON, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
