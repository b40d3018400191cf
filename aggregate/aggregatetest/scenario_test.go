package aggregatetest_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/aggregate/aggregatetest"
	"github.com/ringhold/ringhold/message"
)

// Each expectation is shown to fail.
func TestExpectationsThatAreNotMet(t *testing.T) {
	deposit := func(t *fake) *aggregatetest.Result[Account] {
		return aggregatetest.Given(t, Accounts, opened(Opened{"Ada"})).When("deposit", Deposit{Amount: 100})
	}
	want := Deposited{100, aggregatetest.DefaultTime, message.DerivedID(aggregatetest.DefaultMessageID, 1)}
	for name, test := range map[string]struct {
		run   func(t *fake)
		texts []string
	}{
		"no events": {func(t *fake) { deposit(t).Then() }, []string{"the events are not as expected", `Name: "deposited"`}},
		"another value": {func(t *fake) {
			other := want
			other.Amount = 99
			deposit(t).Then(deposited(other))
		}, []string{"- Amount: 99", "+ Amount: 100"}},
		"another event": {func(t *fake) { deposit(t).Then(withdrawn(Withdrawn{100})) }, []string{`"withdrawn"`, `"deposited"`}},
		"another order": {func(t *fake) {
			aggregatetest.Given(t, Accounts, opened(Opened{"A"})).When("close", nil).Then(closed(Closed{}), withdrawn(Withdrawn{0}))
		}, []string{"the events"}},
		"one too many": {func(t *fake) { deposit(t).Then(deposited(want), closed(Closed{})) }, []string{`- {Name: "closed"`}},
		"ok, no value": {func(t *fake) { deposit(t).OK() }, []string{"the answer is not as expected", "balance"}},
		"other value":  {func(t *fake) { deposit(t).OK(map[string]int{"balance": 1}) }, []string{"the answer"}},
		"created":      {func(t *fake) { deposit(t).Created() }, []string{"message.Created", "message.OK"}},
		"error":        {func(t *fake) { deposit(t).Error("insufficient_funds") }, []string{"insufficient_funds"}},
		"invalid":      {func(t *fake) { deposit(t).Invalid("amount") }, []string{"message.ValidationError"}},
		"answer":       {func(t *fake) { deposit(t).Answer(message.NotFound{ID: "x"}) }, []string{"message.NotFound"}},
		"version":      {func(t *fake) { deposit(t).Version(0) }, []string{"the version is not", "- "}},
		"state":        {func(t *fake) { deposit(t).State(Account{Balance: 100}) }, []string{"the state is not", `+ Owner: "Ada"`}},
		"state function": {func(t *fake) {
			deposit(t).StateWhere(func(s Account) { t.Errorf("balance %d", s.Balance) })
		}, []string{"balance 100"}},
		"other path": {func(t *fake) {
			aggregatetest.Given(t, Accounts).When("open_account", `{}`).Invalid("id")
		}, []string{"the faults of the request are not", `- "id"`, `+ "owner: is missing"`}},
		"other text": {func(t *fake) {
			aggregatetest.Given(t, Accounts).When("open_account", `{}`).Invalid("owner: is empty")
		}, []string{"is empty", "is missing"}},
		"a fault more": {func(t *fake) {
			aggregatetest.Given(t, Accounts, opened(Opened{"A"}), closed(Closed{})).When("deposit", `{}`).Invalid("amount")
		}, []string{`+ ": the account is closed"`}},
		"other code": {func(t *fake) {
			aggregatetest.Given(t, Accounts).When("withdraw", Withdraw{Amount: 1}).Error("poor", map[string]int{"missing": 1})
		}, []string{`- Code: "poor"`}},
		"other detail": {func(t *fake) {
			aggregatetest.Given(t, Accounts).When("withdraw", Withdraw{Amount: 1}).Error("insufficient_funds")
		}, []string{"missing"}},
	} {
		t.Run(name, func(t *testing.T) { complains(t, test.run, test.texts...) })
	}
}

func TestAFailureTellsTheScenario(t *testing.T) {
	complains(t, func(t *fake) {
		aggregatetest.Given(t, Accounts, opened(Opened{"Ada"}), deposited(Deposited{Amount: 10})).
			When("withdraw", `{"account_id" : "acc-1", "amount": 30}`).OK()
	}, `scenario of accounts-id-1
  given  opened {"Owner":"Ada"}
         deposited {"Amount":10,"At":"0001-01-01T00:00:00Z","Entry":""}
         state {"owner":"Ada","open":true,"balance":10,"rejected":0,"changed":"0001-01-01T00:00:00Z","labels":{}} at version 1
  when   withdraw {"account_id":"acc-1","amount":30}
  then   withdrawal_rejected {"Amount":30,"Balance":10}
         error insufficient_funds {"missing":20}
         state {"owner":"Ada","open":true,"balance":10,"rejected":1,"changed":"0001-01-01T00:00:00Z","labels":{}} at version 2`)
}

func TestAScenarioHasToExpectSomething(t *testing.T) {
	complains(t, func(t *fake) { aggregatetest.Given(t, Accounts) }, "a scenario of accounts has no When")
	complains(t, func(t *fake) { aggregatetest.Given(t, Accounts).When("close", nil) }, "a scenario of accounts expects nothing")
}

func TestCommandsThatCannotBeRun(t *testing.T) {
	given := func(t *fake) *aggregatetest.Scenario[Account] { return aggregatetest.Given(t, Accounts) }
	complains(t, func(t *fake) { given(t).When("deposti", nil) }, `no command "deposti"`, `"deposit"`)
	complains(t, func(t *fake) { given(t).When("deposit", `{`) }, "not valid JSON")
	complains(t, func(t *fake) { given(t).When("deposit", func() {}) }, "a func() is no request")
	complains(t, func(t *fake) { given(t).When("deposit", []int{1}) }, "has to be a JSON object")
	complains(t, func(t *fake) { given(t).When("close", nil).OK(func() {}) }, "the expected value")
}

// The message is what the scenario says it is.
func TestMessageOfAScenario(t *testing.T) {
	d := aggregate.New[Account]("accounts")
	at := time.Date(2030, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	aggregate.Command(d, "look", nil, func(m *msg, _ Account, _ map[string]any) decision {
		limit, _ := aggregate.Assigned[int](m, "limit")
		if m.ID() != "m9" || m.CorrelationID() != "m9" || m.CausationID() != "m9" || m.Service() != "look" || !m.Now().Equal(at) ||
			m.Now().Location() != time.UTC || m.AggregateID() != "acc-1" || m.Version() != 17 || !m.IsDryRun() || limit != 5 || m.Caller().Name != "ada" {
			return m.Error("other", []any{m.ID(), m.CorrelationID(), m.CausationID(), m.Service(), m.Now(), m.AggregateID(), m.Version(), m.IsDryRun(), limit, m.Caller()})
		}
		return m.OK()
	})
	for _, request := range []any{`{"id":"acc-1"}`, map[string]string{"id": "acc-1"}} {
		aggregatetest.Given(t, d).Version(17).MessageID("m9").At(at).Assign("limit", 5).DryRun(message.Verbose).
			Caller(message.Caller{Name: "ada"}).When("look", request).OK()
	}
	aggregatetest.Given(t, d).ID("acc-1").Version(17).MessageID("m9").At(at).Assign("limit", 5).DryRun(message.Dry).
		Caller(message.Caller{Name: "ada"}).When("look", `{"id":"acc-2"}`).OK()
}

// What a filter leaves out is neither stored nor counted nor applied.
func TestFilteredEvents(t *testing.T) {
	d := aggregate.New[Account]("accounts")
	counted := aggregate.Event(d, "counted", func(a *Account, e Deposited) { a.Balance += e.Amount })
	aggregate.Command(d, "count", nil, func(m *msg, _ Account, c []int64) decision { return m.OK() })
	aggregate.Command(d, "add", nil, func(m *msg, _ Account, c Deposit) decision {
		return m.Emit(counted(Deposited{Amount: c.Amount}), counted(Deposited{Amount: 1})).OK()
	})
	d.FilterEvents(func(_ *msg, events []aggregate.Pending) ([]aggregate.Pending, error) {
		if events[0].Value().(Deposited).Amount > 100 {
			return nil, aggregate.Refuse("too_much")
		}
		return events[1:], nil
	})
	aggregatetest.Given(t, d).When("add", Deposit{Amount: 5}).Then(counted(Deposited{Amount: 1})).OK().Version(0).State(Account{Balance: 1})
	aggregatetest.Given(t, d).When("add", Deposit{Amount: 500}).Then().Error("too_much").Version(-1)
}

func TestNoBlockStoresNothing(t *testing.T) {
	d := aggregate.New[Account]("accounts")
	counted := aggregate.Event(d, "counted", func(a *Account, e Deposited) { a.Balance += e.Amount })
	aggregate.Command(d, "peek", nil, func(m *msg, s Account, _ Close) decision {
		return m.NoBlock().Emit(counted(Deposited{Amount: 1})).OK(s.Balance)
	})
	aggregatetest.Given(t, d, counted(Deposited{Amount: 4})).When("peek", nil).Then().OK(4).Version(0)
}

func TestStateBasedAggregatesAreLoaded(t *testing.T) {
	d := aggregate.New[Account]("accounts").StateBased().OnLoad(func(a Account) Account { a.Rejected++; return a })
	counted := aggregate.Event(d, "counted", func(a *Account, e Deposited) { a.Balance += e.Amount })
	aggregate.Command(d, "count", nil, func(m *msg, _ Account, c Deposit) decision {
		return m.Emit(counted(Deposited{Amount: c.Amount})).OK()
	})
	aggregatetest.GivenState(t, d, Account{Balance: 1}, 9).When("count", Deposit{Amount: 2}).Version(10).State(Account{Balance: 3, Rejected: 1})
}

func TestNullIsAValue(t *testing.T) {
	d := aggregate.New[Account]("accounts")
	aggregate.Command(d, "ask", nil, func(m *msg, _ Account, _ Close) decision { return m.OK(json.RawMessage("null")) })
	aggregatetest.Given(t, d).When("ask", nil).OK(json.RawMessage(" null "))
	complains(t, func(t *fake) { aggregatetest.Given(t, d).When("ask", nil).OK() }, "the answer is not as expected")
}
