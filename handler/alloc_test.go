package handler_test

import (
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
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

const (
	depositRequest = `{"account_id":"acc-1","amount":100,"note":"xxxxxxxxxxxxxxxxxxxx"}`
	depositedEvent = `{"amount":100,"note":"xxxxxxxxxxxxxxxxxxxx"}`
)

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

func depositBody(t testing.TB) message.Body {
	t.Helper()
	raw, err := message.JSONBody([]byte(depositRequest))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// What does each step of a command cost, outside of runtime and store?
func BenchmarkSteps(b *testing.B) {
	bind, raw := deposits(b), depositBody(b)
	state := handler.View{State: &account{}, Version: 4, Exists: true}
	const id message.ID = "0192d3a4-7c1e-7a3b-8f00-0123456789ab"
	fresh := func() *message.Message {
		return &message.Message{
			Service: "deposit", ID: id, CorrelationID: id, CausationID: id, Raw: raw, Valid: true,
		}
	}
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
	run("request", func() {
		if _, err := message.JSONBody([]byte(depositRequest)); err != nil {
			b.Fatal(err)
		}
	})
	run("message", func() { fresh() })
	run("ids", func() { new(message.Message).FillIDs() })
	run("open", func() {
		m := fresh()
		if bind.Open(m); m.Halted {
			b.Fatal(m.Response)
		}
	})
	m := fresh()
	bind.Open(m)
	run("decide", func() { bind.Decide(m, state) })
	verdict := bind.Decide(m, state)
	run("build", func() { bind.Build(m, verdict, "accounts-acc-1", 4, 3) })
	run("apply", func() { bind.Core.Apply(state.State, verdict.Events[0]) })
	run("metadata", func() { bind.Metadata.For(m) })
	command, _, _ := bind.Build(m, verdict, "accounts-acc-1", 4, 3)
	run("row", func() { store.EncodeCommand(command) })
	row := store.EncodeCommand(command)
	run("row read", func() {
		if _, err := store.DecodeCommand(row); err != nil {
			b.Fatal(err)
		}
	})
	payload := aggregate.Payload{Data: []byte(depositedEvent)}
	run("replay", func() {
		if err := bind.Core.Replay(state.State, "deposited", 1, payload); err != nil {
			b.Fatal(err)
		}
	})
	run("response", func() {
		if _, err := message.EncodeResponse(verdict.Response); err != nil {
			b.Fatal(err)
		}
	})
}
