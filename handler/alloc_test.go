package handler_test

import (
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/internal/alloctest"
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

const depositID message.ID = "0192d3a4-7c1e-7a3b-8f00-0123456789ab"

// depositing returns a message for the binding of deposits.
func depositing(raw message.Body) *message.Message {
	return &message.Message{Service: "deposit", ID: depositID, CorrelationID: depositID, CausationID: depositID, Raw: raw, Valid: true}
}

// A command of two strings and a number that stores one event:
//   - open: the id, the two strings, the request as an any;
//   - decide: what the author's function gets of the message, the event as an
//     any, the list of events, the response with its version;
//   - build: the command, the list of events, and the bytes of response, metadata
//     and event.
func TestAllocations(t *testing.T) {
	bind, raw := deposits(t), depositBody(t)
	state := handler.View{State: &account{}, Version: 4, Exists: true}
	alloctest.AtMost(t, "message, open, decide, build, apply", 1+4+4+5, 1+4+4+5+4, func() {
		m := depositing(raw)
		if bind.Open(m); m.Halted {
			t.Fatal(m.Response)
		}
		verdict := bind.Decide(m, state)
		command, events, refusal := bind.Build(m, verdict, "accounts-acc-1", 4, 3)
		if refusal != nil || command == nil || len(events) != 1 {
			t.Fatal(refusal)
		}
		bind.Core.Apply(state.State, verdict.Events[0])
	})
	payload := aggregate.Payload{Data: []byte(depositedEvent)}
	alloctest.AtMost(t, "replay of an event with a string", 1, 2, func() {
		if err := bind.Core.Replay(state.State, "deposited", 1, payload); err != nil {
			t.Fatal(err)
		}
	})
}

// What does each step of a command cost, outside of runtime and store?
func BenchmarkSteps(b *testing.B) {
	bind, raw := deposits(b), depositBody(b)
	state := handler.View{State: &account{}, Version: 4, Exists: true}
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
	run("message", func() { depositing(raw) })
	run("ids", func() { new(message.Message).FillIDs() })
	run("open", func() {
		m := depositing(raw)
		if bind.Open(m); m.Halted {
			b.Fatal(m.Response)
		}
	})
	m := depositing(raw)
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
