package dispatch_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/internal/alloctest"
	"github.com/ringhold/ringhold/message"
)

// echo returns a dispatcher over one service that answers at once, and a
// context that can end, as that of a call over the network.
func echo(t testing.TB) (*dispatch.Dispatcher, context.Context) {
	t.Helper()
	services := new(dispatch.Router)
	if err := services.Register(running("echo", func(_ context.Context, _ *message.Message, reply func(message.Response)) { reply(message.OK{}) })); err != nil {
		t.Fatal(err)
	}
	d, err := dispatch.New(dispatch.Config{Node: "a", Local: services, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return d, ctx
}

func TestDispatchAllocates(t *testing.T) {
	d, ctx := echo(t)
	m := message.NewWithID("echo", "m1", message.Body{})
	alloctest.AtMost(t, "dispatch", 4, 8, func() {
		if _, ok := d.Dispatch(ctx, m).Response.(message.OK); !ok {
			t.Fatal("refused")
		}
	})
}

// What does a dispatch cost, without its service and its message?
func BenchmarkDispatch(b *testing.B) {
	d, ctx := echo(b)
	m := message.NewWithID("echo", "m1", message.Body{})
	run := func(name string, f func(m *message.Message)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f(m)
			}
		})
	}
	run("dispatch", func(m *message.Message) { d.Dispatch(ctx, m) })
	run("start", func(m *message.Message) { d.Start(ctx, m, func(*message.Message) {}) })
}
