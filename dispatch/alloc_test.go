package dispatch_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

// echo returns a dispatcher over one service that answers at once, and a
// context with a deadline, as that of a call over the network.
func echo(t testing.TB) (*dispatch.Dispatcher, context.Context) {
	t.Helper()
	router := &dispatch.Router{}
	if err := router.Register(&dispatch.Service{
		Name: "echo", Access: dispatch.AccessPublic,
		Run: func(_ context.Context, _ *message.Message, reply func(message.Response)) { reply(message.OK{}) },
	}); err != nil {
		t.Fatal(err)
	}
	d, err := dispatch.New(dispatch.Config{Node: "a", Local: router, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close(context.Background()) })
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return d, ctx
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
