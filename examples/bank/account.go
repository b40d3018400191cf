package bank

import "github.com/ringhold/ringhold/aggregate"

// Account is the state of an account: what its decisions need to know, no more.
// It is made by applying its events, and never changed by anything else.
type Account struct {
	Owner    string `json:"owner"`
	Balance  int64  `json:"balance"`
	Open     bool   `json:"open"`
	Rejected int    `json:"rejected"` // withdrawals for which the balance was too low
}

// Accounts defines the aggregate. The events of the account acc-1 are the
// stream accounts-acc-1.
var Accounts = aggregate.New[Account]("accounts")

// The events of an account. Once stored they are there for ever: a field may be
// added to them, but none may change its meaning.
type (
	// Opened says who holds the account.
	Opened struct {
		Owner string `json:"owner"`
	}
	// Deposited says that money came in.
	Deposited struct {
		Amount int64 `json:"amount"`
	}
	// Withdrawn says that money went out.
	Withdrawn struct {
		Amount int64 `json:"amount"`
	}
	// WithdrawalRejected says what was asked for, and what there was.
	WithdrawalRejected struct {
		Amount  int64 `json:"amount"`
		Balance int64 `json:"balance"`
	}
	// BalanceReturned says that the owner got the rest of the money.
	BalanceReturned struct {
		Amount int64 `json:"amount"`
	}
	// Closed says that the account takes nothing more.
	Closed struct{}
)

// moneyIn is what the first release stored instead of Deposited.
type moneyIn struct {
	Cents int64 `json:"cents"`
}

// Each event has the name it is stored under and its effect on the state. What
// registers it is the only thing that can emit it, so a decision cannot emit
// what could not be read again.
var (
	opened = aggregate.Event(Accounts, "opened", func(a *Account, e Opened) {
		a.Owner, a.Open = e.Owner, true
	})
	deposited = aggregate.Event(Accounts, "deposited", func(a *Account, e Deposited) {
		a.Balance += e.Amount
	}, aggregate.Was("money_in", 1, func(old moneyIn) Deposited { return Deposited{Amount: old.Cents} }))
	withdrawn = aggregate.Event(Accounts, "withdrawn", func(a *Account, e Withdrawn) {
		a.Balance -= e.Amount
	})
	withdrawalRejected = aggregate.Event(Accounts, "withdrawal_rejected", func(a *Account, _ WithdrawalRejected) {
		a.Rejected++
	})
	balanceReturned = aggregate.Event(Accounts, "balance_returned", func(a *Account, e BalanceReturned) {
		a.Balance -= e.Amount
	})
	closed = aggregate.Event(Accounts, "closed", func(a *Account, _ Closed) {
		a.Open = false
	})
)
