// Package parity has a test for each behaviour that docs/parity.md lists. Each
// runs through dispatch, on every store that keeps a group.
package parity

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/internal/pgtest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/shard"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/memory"
	"github.com/ringhold/ringhold/store/postgres"
	"github.com/ringhold/ringhold/store/sqlite"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// kind is a kind of store.
type kind struct {
	name string
	// prepare makes what is made outside of the bubble of virtual time: nil if
	// there is nothing.
	prepare func(t *testing.T)
	// open opens an empty group.
	open   func(t *testing.T) (store.Store, error)
	shared bool // other processes reach it: members keep leases
}

var stores = []kind{
	{name: "memory", open: func(*testing.T) (store.Store, error) {
		return memory.New(memory.Config{Group: "parity"}), nil
	}},
	{name: "sqlite", open: func(t *testing.T) (store.Store, error) {
		return sqlite.Open(t.Context(), sqlite.Config{
			Path: filepath.Join(t.TempDir(), "ringhold.db"), Group: "parity", Owner: "parity tests", Migrate: true,
		})
	}},
	{name: "postgres", shared: true, prepare: migrate, open: func(t *testing.T) (store.Store, error) {
		return postgres.Open(t.Context(), postgres.Config{URL: pgtest.CommonURL(t), Group: groupOf(t)})
	}},
}

// migrate makes the schema that the groups of all tests are in.
func migrate(t *testing.T) {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.CommonURL(t), Group: "parity", Migrate: true})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// groups counts the groups in PostgreSQL, since a test may have several.
var groups atomic.Int64

func groupOf(t *testing.T) string { return fmt.Sprintf("%s.%d", t.Name(), groups.Add(1)) }

// start starts a group on the store of a subtest; it ends with the subtest.
type start func(*setup) *group

// onEveryStore runs a test as a subtest for each store. What the test hosts is
// made anew for each, since definitions hold what a test records.
func onEveryStore(t *testing.T, test func(t *testing.T, start start)) {
	t.Helper()
	for _, k := range stores {
		t.Run(k.name, func(t *testing.T) {
			k.ready(t)
			test(t, startOn(t, k))
		})
	}
}

// inVirtualTime is onEveryStore with a clock that stands still while anything
// runs and jumps to the next timer when nothing does: timeouts take no time,
// and synctest.Wait tells when nothing more is going to happen.
func inVirtualTime(t *testing.T, test func(t *testing.T, start start)) {
	t.Helper()
	for _, k := range stores {
		t.Run(k.name, func(t *testing.T) {
			k.ready(t)
			synctest.Test(t, func(t *testing.T) { test(t, startOn(t, k)) })
		})
	}
}

func (k kind) ready(t *testing.T) {
	t.Helper()
	if k.prepare != nil {
		k.prepare(t)
	}
}

func startOn(t *testing.T, k kind) start {
	return func(s *setup) *group {
		t.Helper()
		opened, err := k.open(t)
		if err != nil {
			t.Fatal(err)
		}
		g := &group{t: t, setup: s, store: &tappedStore{Store: opened}, shared: k.shared}
		t.Cleanup(func() {
			g.store.letGo()
			g.stop()
			if err := g.store.Close(); err != nil {
				t.Errorf("close the store: %v", err)
			}
		})
		g.start()
		return g
	}
}

// group is a running group.
type group struct {
	t      *testing.T
	setup  *setup
	store  *tappedStore
	shared bool
	local  *shard.Local
}

func (g *group) start() {
	g.t.Helper()
	plan, err := g.setup.resolve()
	if err != nil {
		g.t.Fatal(err)
	}
	out := g.setup.log
	if out == nil {
		out = slog.NewTextHandler(g.t.Output(), nil)
	}
	g.local, err = shard.StartLocal(g.t.Context(), shard.LocalConfig{
		Store: g.store, Plan: plan, Members: max(g.setup.members, 1), Observer: g.setup.observer,
		Logger: slog.New(dispatch.NewLogHandler(out)), Shared: g.shared, Process: "parity tests",
	})
	if err != nil {
		g.t.Fatal(err)
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

// restartWith is restart as another release, which hosts something else.
func (g *group) restartWith(s *setup) {
	g.t.Helper()
	g.stop()
	g.setup = s
	g.start()
}

func (g *group) member() *shard.Member { return g.local.Members()[0] }

func (g *group) dispatcher() *dispatch.Dispatcher { return g.member().Dispatcher() }

// message makes a message with a JSON request; an empty one is none.
func (g *group) message(service, request string) *message.Message {
	g.t.Helper()
	return newMessage(g.t, service, request)
}

func newMessage(t *testing.T, service, request string) *message.Message {
	t.Helper()
	raw, err := message.JSONBody([]byte(request))
	if err != nil {
		t.Fatal(err)
	}
	return message.New(message.ServiceName(service), raw)
}

// messageAs is message with an id that the caller chose.
func (g *group) messageAs(id, service, request string) *message.Message {
	g.t.Helper()
	m := g.message(service, request)
	m.ID, m.CorrelationID, m.CausationID = message.ID(id), message.ID(id), message.ID(id)
	return m
}

// do dispatches a request and returns the response.
func (g *group) do(service, request string) message.Response {
	g.t.Helper()
	return g.send(g.message(service, request)).Response
}

// doAs is do with a message id.
func (g *group) doAs(id, service, request string) message.Response {
	g.t.Helper()
	return g.send(g.messageAs(id, service, request)).Response
}

// dry is do as a dry run.
func (g *group) dry(kind message.DryRun, service, request string) message.Response {
	g.t.Helper()
	m := g.message(service, request)
	m.DryRun = kind
	return g.send(m).Response
}

func (g *group) send(m *message.Message, options ...dispatch.Option) *message.Message {
	g.t.Helper()
	return g.dispatcher().Dispatch(g.t.Context(), m, options...)
}

// pending is a message that was dispatched and not waited for.
type pending chan *message.Message

// begin dispatches a message without waiting.
func (g *group) begin(m *message.Message, options ...dispatch.Option) pending {
	g.t.Helper()
	p := make(pending, 1)
	g.dispatcher().Start(g.t.Context(), m, func(answer *message.Message) { p <- answer }, options...)
	return p
}

// response waits for the answer.
func (p pending) response() message.Response { return (<-p).Response }

// answered reports whether there is an answer already, and leaves it there.
func (p pending) answered() bool { return len(p) > 0 }

// unload drops an aggregate from memory, so that the next command loads it, and
// reports whether it was there.
func (g *group) unload(id message.AggregateID) bool {
	g.t.Helper()
	m := message.New("$unload", message.Body{})
	m.Aggregate.Stream, m.Aggregate.ID = tallies, id
	r := wait(func(reply func(message.Response)) { g.member().Host().Unload(g.t.Context(), m, reply) })
	return value[bool](g.t, r)
}

// remove deletes an aggregate; expected may be nil.
func (g *group) remove(id message.AggregateID, hard bool, expected *message.Version) message.Response {
	g.t.Helper()
	return g.removeAs(string(message.NewID()), id, hard, expected)
}

func (g *group) removeAs(messageID string, id message.AggregateID, hard bool, expected *message.Version) message.Response {
	g.t.Helper()
	m := g.messageAs(messageID, "$delete", "")
	m.Aggregate.Stream, m.Aggregate.ID, m.Expected = tallies, id, expected
	return wait(func(reply func(message.Response)) { g.member().Host().Delete(g.t.Context(), m, hard, reply) })
}

func wait(begin func(reply func(message.Response))) message.Response {
	done := make(chan message.Response, 1)
	begin(func(r message.Response) { done <- r })
	return <-done
}

// read returns the state of an aggregate within a turn of its own.
func (g *group) read(id message.AggregateID) (state tally, v message.Version, exists bool) {
	g.t.Helper()
	m := message.New("$read", message.Body{})
	m.Aggregate.Stream, m.Aggregate.ID = tallies, id
	r := wait(func(reply func(message.Response)) {
		g.member().Host().Read(g.t.Context(), m, func(view handler.View) message.Response {
			state, v, exists = *view.State.(*tally), view.Version, view.Exists
			return message.OK{}
		}, reply)
	})
	want(g.t, r, message.OK{})
	return state, v, exists
}

// inMemory counts the loaded aggregates.
func (g *group) inMemory() int64 {
	n, _ := g.member().Host().Actors()
	return n
}

// events returns what is stored of an aggregate.
func (g *group) events(id message.AggregateID) []store.Event {
	g.t.Helper()
	events, err := g.store.ReadStream(g.t.Context(), message.StreamName(tallies).Of(id), 0, 1000)
	if err != nil {
		g.t.Fatal(err)
	}
	return events
}
