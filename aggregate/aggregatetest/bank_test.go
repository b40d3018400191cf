package aggregatetest_test

import (
	"testing"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/aggregate/aggregatetest"
	"github.com/ringhold/ringhold/message"
)

type (
	Account struct {
		Owner    string            `json:"owner"`
		Open     bool              `json:"open"`
		Balance  int64             `json:"balance"`
		Rejected int               `json:"rejected"`
		Changed  time.Time         `json:"changed"`
		Labels   map[string]string `json:"labels"`
	}

	OpenAccount struct {
		ID    string `json:"id,omitempty"`
		Owner string `json:"owner"`
	}
	Deposit struct {
		AccountID string `json:"account_id"`
		Amount    int64  `json:"amount"`
	}
	Withdraw struct {
		AccountID string `json:"account_id"`
		Amount    int64  `json:"amount"`
	}
	Close struct{}

	Opened    struct{ Owner string }
	Deposited struct {
		Amount int64
		At     time.Time
		Entry  string
	}
	Withdrawn struct{ Amount int64 }
	Rejected  struct{ Amount, Balance int64 }
	Closed    struct{}

	msg      = aggregate.Message[Account]
	decision = aggregate.Decision[Account]
)

var (
	Accounts = aggregate.New[Account]("accounts").
			Initial(func() Account { return Account{Labels: map[string]string{}} }).
			Authorize(func(m *aggregate.Message[Account]) message.Response {
			if m.Caller().Name == "mallory" {
				return message.Forbidden{Reason: "known"}
			}
			return nil
		})

	opened    = aggregate.Event(Accounts, "opened", func(a *Account, e Opened) { a.Owner, a.Open = e.Owner, true })
	deposited = aggregate.Event(Accounts, "deposited", func(a *Account, e Deposited) { a.Balance, a.Changed = a.Balance+e.Amount, e.At })
	withdrawn = aggregate.Event(Accounts, "withdrawn", func(a *Account, e Withdrawn) { a.Balance -= e.Amount })
	rejected  = aggregate.Event(Accounts, "withdrawal_rejected", func(a *Account, e Rejected) { a.Rejected++ })
	closed    = aggregate.Event(Accounts, "closed", func(a *Account, _ Closed) { a.Open = false })
)

func init() {
	aggregate.Command(Accounts, "open_account", validateOpen, func(m *msg, s Account, c OpenAccount) decision {
		return m.Emit(opened(Opened{c.Owner})).Created()
	})
	aggregate.Command(Accounts, "deposit", validateDeposit, func(m *msg, s Account, c Deposit) decision {
		return m.Emit(deposited(Deposited{c.Amount, m.Now(), m.NewID()})).OK(map[string]int64{"balance": s.Balance + c.Amount})
	})
	aggregate.Command(Accounts, "withdraw", nil, func(m *msg, s Account, c Withdraw) decision {
		limit, _ := aggregate.Assigned[int64](m, "limit")
		switch {
		case limit > 0 && c.Amount > limit:
			return m.Error("over_limit", limit)
		case c.Amount > s.Balance:
			return m.Emit(rejected(Rejected{c.Amount, s.Balance})).Error("insufficient_funds", map[string]int64{"missing": c.Amount - s.Balance})
		}
		return m.Emit(withdrawn(Withdrawn{c.Amount})).OK()
	})
	aggregate.Command(Accounts, "close", nil, func(m *msg, s Account, _ Close) decision {
		if !s.Open {
			return m.OK()
		}
		return m.Emit(withdrawn(Withdrawn{s.Balance}), closed(Closed{})).OK()
	})
}

func validateOpen(c OpenAccount, m *msg, s Account) (v aggregate.Violations) {
	v.Require(c.Owner != "", "owner", "is missing")
	v.Require(len(c.Owner) < 50, "owner", "is too long")
	return v
}

func validateDeposit(c Deposit, m *msg, s Account) (v aggregate.Violations) {
	v.Require(c.Amount > 0, "amount", "must be positive")
	v.Require(s.Open, "", "the account is closed")
	return v
}

func TestOpenAccountEmitsOpenedAndRespondsCreated(t *testing.T) {
	aggregatetest.Given(t, Accounts).
		When("open_account", OpenAccount{ID: "acc-1", Owner: "Ada"}).
		Then(opened(Opened{"Ada"})).
		Created().
		Version(0).
		State(Account{Owner: "Ada", Open: true, Labels: map[string]string{}})
}

func TestOpenAccountWithoutAnOwnerIsAValidationError(t *testing.T) {
	given := aggregatetest.Given(t, Accounts)
	given.When("open_account", map[string]any{"id": "acc-1"}).Invalid("owner").Then().Version(-1)
	given.When("open_account", `{"id": "acc-1", "owner": 7}`).Invalid("owner: has to be a string, not a JSON number")
	given.When("open_account", nil).Invalid("owner: is missing")
}

func TestDepositAddsToTheBalanceOfAnOpenAccount(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	aggregatetest.Given(t, Accounts, opened(Opened{"Ada"})).
		ID("acc-1").MessageID("m7").At(at).
		When("deposit", Deposit{AccountID: "acc-1", Amount: 100}).
		Then(deposited(Deposited{100, at, message.DerivedID("m7", 1)})).
		OK(map[string]int{"balance": 100}).
		Version(1).
		StateWhere(func(s Account) {
			if s.Balance != 100 {
				t.Errorf("balance is %d", s.Balance)
			}
		})
}

func TestDepositIntoAClosedAccountIsRefusedOnState(t *testing.T) {
	aggregatetest.Given(t, Accounts, opened(Opened{"Ada"}), closed(Closed{})).
		When("deposit", []byte(`{"amount":-5}`)).
		Invalid("amount", ": the account is closed")
}

func TestARejectedWithdrawalIsRecordedAndAnswered(t *testing.T) {
	aggregatetest.Given(t, Accounts, opened(Opened{"Ada"}), deposited(Deposited{Amount: 10})).
		When("withdraw", Withdraw{Amount: 30}).
		Then(rejected(Rejected{30, 10})).
		Error("insufficient_funds", map[string]int{"missing": 20}).
		Version(2)
}

func TestWithdrawalOverWhatBeforeFoundOut(t *testing.T) {
	aggregatetest.Given(t, Accounts, opened(Opened{"Ada"}), deposited(Deposited{Amount: 1000})).
		Assign("limit", int64(50)).
		When("withdraw", Withdraw{Amount: 60}).
		Error("over_limit", 50).Then()
}

func TestClosingReturnsTheBalanceAndCloses(t *testing.T) {
	given := aggregatetest.Given(t, Accounts, opened(Opened{"Ada"}), deposited(Deposited{Amount: 10})).Version(41)
	given.When("close", Close{}).Then(withdrawn(Withdrawn{10}), closed(Closed{})).OK().Version(43)
	given.DryRun(message.Dry).When("close", Close{}).
		Then(withdrawn(Withdrawn{10}), closed(Closed{})).OK().Version(41).
		State(Account{Owner: "Ada", Open: true, Balance: 10, Labels: map[string]string{}})
}

func TestMalloryIsForbidden(t *testing.T) {
	aggregatetest.Given(t, Accounts).Caller(message.Caller{Name: "mallory"}).
		When("open_account", OpenAccount{Owner: "Mallory"}).
		Answer(message.Forbidden{Reason: "known"}).Then()
}

func TestGivenAStoredState(t *testing.T) {
	aggregatetest.GivenState(t, Accounts, Account{Open: true, Balance: 5}, 7).
		When("deposit", Deposit{Amount: 1}).
		Then(deposited(Deposited{1, aggregatetest.DefaultTime, message.DerivedID(aggregatetest.DefaultMessageID, 1)})).
		Version(8).
		State(Account{Open: true, Balance: 6, Changed: aggregatetest.DefaultTime})
}

func TestStateAndApplyCountTheVersion(t *testing.T) {
	state, version := aggregatetest.State(t, Accounts, opened(Opened{"Ada"}), deposited(Deposited{Amount: 5}))
	if version != 1 || state.Balance != 5 {
		t.Errorf("%+v at %d", state, version)
	}
	after, version := aggregatetest.Apply(t, Accounts, state, version, deposited(Deposited{Amount: 2}), closed(Closed{}))
	if version != 3 || after.Balance != 7 || after.Open || !state.Open {
		t.Errorf("%+v at %d", after, version)
	}
	if none, version := aggregatetest.State(t, Accounts); version != message.NoVersion || none.Labels == nil {
		t.Errorf("%+v at %d", none, version)
	}
}

func TestSamplesOfTheBank(t *testing.T) {
	aggregatetest.Samples(t, Accounts,
		opened(Opened{"Ada"}), deposited(Deposited{100, aggregatetest.DefaultTime, "entry-1"}), withdrawn(Withdrawn{30}),
		rejected(Rejected{30, 10}), closed(Closed{}))
}
