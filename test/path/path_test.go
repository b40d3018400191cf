// Package path_test measures one command on its way through a process.
package path_test

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/runtime"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/store/memory"
)

// account is a small aggregate, as many are.
type account struct {
	Balance int    `json:"balance"`
	Note    string `json:"note"`
}

type deposit struct {
	AccountID string `json:"account_id"`
	Amount    int    `json:"amount"`
	Note      string `json:"note"`
}

type deposited struct {
	Amount int    `json:"amount"`
	Note   string `json:"note"`
}

func deposits(t testing.TB) *handler.Binding {
	t.Helper()
	d := aggregate.New[account]("accounts")
	event := aggregate.Event(d, "deposited", func(a *account, e deposited) { a.Balance += e.Amount })
	aggregate.Command(d, "deposit", nil, func(m *aggregate.Message[account], _ account, c deposit) aggregate.Decision[account] {
		return m.Emit(event(deposited{c.Amount, c.Note})).OK()
	})
	meta, err := handler.NewMetadata(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &handler.Binding{
		Service: "deposit", Core: d.Core(), Command: d.Core().Command("deposit"), On: handler.MaybeNew,
		IDField: "account_id", CommitTimeout: handler.DefaultCommitTimeout, Metadata: meta,
	}
}

// What does a command cost in process, from its request's bytes to its answer,
// over the memory store?
func BenchmarkCommand(b *testing.B) {
	const slots = 16
	ctx := context.Background()
	bind, s := deposits(b), memory.New(memory.Config{})
	if _, err := s.Join(ctx, store.Member{ID: "bench", Writers: 1}, time.Second); err != nil {
		b.Fatal(err)
	}
	host, err := runtime.New(ctx, runtime.Config{
		Store: s, Member: "bench", Slots: slots, Streams: []runtime.Stream{{Core: bind.Core}},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(host.Stop)
	all := make([]ring.Slot, slots)
	for i := range all {
		all[i] = ring.Slot(i)
	}
	if _, err := host.Acquire(ctx, all); err != nil {
		b.Fatal(err)
	}
	requests := make([][]byte, 64)
	for i := range requests {
		requests[i] = []byte(`{"account_id":"acc-` + strconv.Itoa(i) + `","amount":100,"note":"xxxxxxxxxxxxxxxxxxxx"}`)
	}
	answers := make(chan message.Response, len(requests))
	reply := func(r message.Response) { answers <- r }
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		raw, err := message.JSONBody(requests[i%len(requests)])
		if err != nil {
			b.Fatal(err)
		}
		m := &message.Message{Service: "deposit", Raw: raw, Valid: true, InvokedAt: time.Now().UTC()}
		m.FillIDs()
		if i >= len(requests) {
			if _, ok := (<-answers).(message.OK); !ok {
				b.Fatal("a command was refused")
			}
		}
		host.Serve(ctx, bind, m, reply)
	}
}
