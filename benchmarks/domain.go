package main

import (
	"context"
	"strings"

	"github.com/ringhold/ringhold/aggregate"
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
	amount          = 100
	emptyPayload    = `{"amount":100,"note":""}`
	smallestPayload = len(emptyPayload)
)

// noteFor returns the note that makes the data of an event so long.
func noteFor(payload int) string { return strings.Repeat("x", payload-smallestPayload) }

// accounts defines the aggregate. One with a callback behind its commits cannot
// be decided on state that is not durable: that is one commit at a time.
func accounts(oneAtATime bool) *aggregate.Definition[account] {
	d := aggregate.New[account]("accounts")
	event := aggregate.Event(d, "deposited", func(a *account, e deposited) { a.Balance += e.Amount })
	aggregate.Command(d, "deposit", nil, func(m *aggregate.Message[account], _ account, c deposit) aggregate.Decision[account] {
		return m.Emit(event(deposited{c.Amount, c.Note})).OK()
	})
	if oneAtATime {
		d.OnCommit(func(context.Context, *aggregate.Message[account], account) {})
	}
	return d
}
