package aggregate_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ringhold/ringhold/aggregate"
)

type (
	account struct {
		Owner   string `json:"owner"`
		Balance int64  `json:"balance"`
		Open    bool   `json:"open"`
	}
	wasAccount struct {
		Holder string `json:"holder"`
		Cents  int64  `json:"cents"`
	}
	openAccount struct {
		ID    string `json:"id,omitempty"`
		Owner string `json:"owner"`
	}
	deposit struct {
		AccountID string `json:"account_id"`
		Amount    int64  `json:"amount"`
	}
	opened     struct{ Owner string }
	deposited  struct{ Amount int64 }
	wasMoneyIn struct{ Cents int64 }

	msg      = aggregate.Message[account]
	decision = aggregate.Decision[account]
)

func decideNothing[C any](m *msg, _ account, _ C) decision { return m.OK() }

func accounts() *aggregate.Definition[account] {
	d := aggregate.New[account]("accounts").Schema(3).Retired("frozen", "audited")
	aggregate.Restore(d, 1, func(o wasAccount) account { return account{Owner: o.Holder, Balance: o.Cents, Open: true} })
	aggregate.Event(d, "opened", func(a *account, e opened) { a.Owner, a.Open = e.Owner, true })
	aggregate.Event(d, "noted", func(*account, *wrapperspb.StringValue) {})
	aggregate.Event(d, "deposited", func(a *account, e deposited) { a.Balance += e.Amount },
		aggregate.Was("money_in", 2, func(o wasMoneyIn) deposited { return deposited{o.Cents} }),
		aggregate.Was("deposited", 1, func(o *wrapperspb.Int64Value) deposited { return deposited{o.Value} }))
	aggregate.Command(d, "open_account", nil, decideNothing[openAccount], aggregate.Doc[openAccount]("Opens an account."))
	aggregate.Command(d, "note", nil, decideNothing[*wrapperspb.StringValue])
	aggregate.Command(d, "deposit", nil, decideNothing[deposit])
	return d
}

// The catalogue's JSON is read by later releases and by other languages.
func TestCatalogueGolden(t *testing.T) {
	rows := aggregate.New[wrapperspb.StringValue]("a_row").StateBased()
	c := aggregate.NewCatalogue(accounts(), rows)
	c.Services = append(c.Services,
		aggregate.CatalogueService{Name: "greet", Doc: "Greets.", Schema: json.RawMessage(`{"type":"object"}`)},
		aggregate.CatalogueService{Name: "ask"})
	c.Sort()
	got, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/catalogue.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(want), got) {
		t.Errorf("testdata/catalogue.json differs from\n%s", got)
	}
	var back aggregate.Catalogue
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if again, err := json.MarshalIndent(back, "", "  "); err != nil || !bytes.Equal(again, got) {
		t.Errorf("read and written again it is\n%s\n%v", again, err)
	}
}

// Lists that are empty are [] rather than null, for readers in other languages.
func TestEmptyCatalogue(t *testing.T) {
	got, err := json.Marshal(aggregate.NewCatalogue(aggregate.New[account]("empty")))
	if err != nil || strings.Contains(string(got), "null") {
		t.Errorf("%s %v", got, err)
	}
}

func TestFieldsOfCommands(t *testing.T) {
	core := accounts().Core()
	for command, want := range map[string][]string{
		"open_account": {"id", "owner"}, "deposit": {"account_id", "amount"}, "note": {"value"},
	} {
		cmd := core.Command(command)
		if got := cmd.FieldNames(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s has the fields %q, want %q", command, got, want)
		}
		for _, name := range want {
			if !cmd.HasField(name) {
				t.Errorf("%s has no field %s", command, name)
			}
		}
		if cmd.HasField("amout") {
			t.Errorf("%s has a field amout", command)
		}
	}
	d := aggregate.New[account]("others")
	aggregate.Command(d, "anything", nil, decideNothing[map[string]any])
	if cmd := d.Core().Command("anything"); !cmd.HasField("x") || cmd.FieldNames() != nil {
		t.Error("a map has fixed fields")
	}
}
