package bank

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ringhold/ringhold/aggregate"
)

// The commands that an account takes. Their fields are those of the request;
// one of them holds the account's id, and the manifest says which.
type (
	// OpenAccount asks for a new account.
	OpenAccount struct {
		ID    string `json:"id"`
		Owner string `json:"owner"`
	}
	// Deposit asks to pay money in.
	Deposit struct {
		AccountID string `json:"account_id"`
		Amount    int64  `json:"amount"`
	}
	// Withdraw asks to pay money out.
	Withdraw struct {
		AccountID string `json:"account_id"`
		Amount    int64  `json:"amount"`
	}
	// Close asks to pay out the rest and to end the account.
	Close struct {
		AccountID string `json:"account_id"`
	}
)

const (
	// MaxOwner is the longest name of an owner, in characters.
	MaxOwner = 100
	// MaxBalance is the most that an account can hold. Above it, readers of
	// JSON that take all numbers for floating point would see another amount.
	MaxBalance = 1<<53 - 1
)

// Short names, for this package's functions all speak of the same aggregate.
type (
	msg      = aggregate.Message[Account]
	decision = aggregate.Decision[Account]
)

func init() {
	aggregate.Command(Accounts, "open_account", OpenAccount.Validate, open,
		aggregate.Doc[OpenAccount]("Opens an account for an owner."))
	aggregate.Command(Accounts, "deposit", Deposit.Validate, deposit,
		aggregate.Doc[Deposit]("Pays money into an open account."))
	aggregate.Command(Accounts, "withdraw", Withdraw.Validate, withdraw,
		aggregate.Doc[Withdraw]("Pays money out of an open account, if there is enough."))
	aggregate.Command(Accounts, "close", nil, closeAccount,
		aggregate.Doc[Close]("Pays out the rest of the balance and closes the account."))
}

// Validate returns everything that is wrong with the request, each fault with
// the field that it is about.
func (c OpenAccount) Validate(_ *msg, _ Account) (v aggregate.Violations) {
	v.Require(strings.TrimSpace(c.Owner) != "", "owner", "is required")
	v.Require(utf8.RuneCountInString(c.Owner) <= MaxOwner, "owner",
		fmt.Sprintf("must have at most %d characters", MaxOwner))
	return v
}

// Validate may look at the state too: nothing goes into a closed account.
func (c Deposit) Validate(_ *msg, s Account) (v aggregate.Violations) {
	v.Require(s.Open, "account_id", "the account is closed")
	v.Require(c.Amount > 0, "amount", "must be positive")
	v.Require(c.Amount <= MaxBalance-s.Balance, "amount", "is more than the account can hold")
	return v
}

// Validate says nothing of a balance that is too low: that is no fault of the
// request but an answer of the bank, which withdraw gives.
func (c Withdraw) Validate(_ *msg, s Account) (v aggregate.Violations) {
	v.Require(s.Open, "account_id", "the account is closed")
	v.Require(c.Amount > 0, "amount", "must be positive")
	return v
}
