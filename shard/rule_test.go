package shard

import (
	"strings"
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

type payment struct {
	ID     string `json:"id"`
	Amount int    `json:"amount"`
	To     struct {
		Bank string `json:"bank"`
	} `json:"to"`
}

func transfers() *aggregate.CommandCore {
	d := aggregate.New[struct{}]("transfers")
	aggregate.Command(d, "transfer", nil, func(m *aggregate.Message[struct{}], _ struct{}, _ payment) aggregate.Decision[struct{}] {
		return m.OK()
	})
	return d.Core().Command("transfer")
}

// A rule sees what the command sees, however the request is spelt.
func TestRule_SeesWhatTheCommandSees(t *testing.T) {
	rule, err := compileRule(`service == "transfer" && request.amount <= 100 && request.to.bank != "closed" || "admin" in caller.claims`, readCommand(transfers()))
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]bool{
		`{"id":"a","amount":100}`:                                 true,
		`{"id":"a","amount":101}`:                                 false,
		`{"id":"a","amount":1,"Amount":1000}`:                     false,
		`{"id":"a","AMOUNT":1000}`:                                false,
		`{"id":"a","amount":1,"to":{"bank":"x"}}`:                 true,
		`{"id":"a","amount":1,"to":{"bank":"x","Bank":"closed"}}`: false,
		`{"id":"a","amount":"much"}`:                              false,
		`{}`:                                                      true,
	} {
		raw, err := message.JSONBody([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		allowed, err := rule(message.New("transfer", raw))
		if allowed != want {
			t.Errorf("%s: allowed %v, want %v (%v)", body, allowed, want, err)
		}
	}
	m := message.New("transfer", message.Body{})
	m.Caller.Claims = map[string]any{"admin": true}
	if allowed, err := rule(m); !allowed {
		t.Errorf("the claims are not seen: %v", err)
	}
}

func TestRule_Faults(t *testing.T) {
	for expression, part := range map[string]string{
		`caller.name`:       "true or false",
		`nobody.name == ""`: "undeclared",
		`caller.name ==`:    "Syntax error",
	} {
		if _, err := compileRule(expression, readRaw); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: error %v, want %q", expression, err, part)
		}
	}
}
