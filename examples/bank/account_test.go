package bank

import (
	"strings"
	"testing"

	"github.com/ringhold/ringhold/aggregate/aggregatetest"
)

// adaOpened begins the history of most tests: the account is Ada's, and open.
var adaOpened = opened(Opened{Owner: "Ada"})

func TestOpenAccount(t *testing.T) {
	aggregatetest.Given(t, Accounts).
		When("open_account", OpenAccount{ID: "acc-1", Owner: "Ada"}).
		Then(adaOpened).
		Created().
		Version(0).
		State(Account{Owner: "Ada", Open: true})
}

func TestOpenAccountNeedsAnOwner(t *testing.T) {
	for _, owner := range []string{"", " \t", strings.Repeat("ä", MaxOwner+1)} {
		aggregatetest.Given(t, Accounts).
			When("open_account", OpenAccount{ID: "acc-1", Owner: owner}).
			Invalid("owner").
			Then()
	}
	aggregatetest.Given(t, Accounts).
		When("open_account", OpenAccount{ID: "acc-1", Owner: strings.Repeat("ä", MaxOwner)}).
		Created()
}

func TestDeposit(t *testing.T) {
	aggregatetest.Given(t, Accounts, adaOpened, deposited(Deposited{Amount: 100})).
		When("deposit", Deposit{AccountID: "acc-1", Amount: 50}).
		Then(deposited(Deposited{Amount: 50})).
		OK().
		State(Account{Owner: "Ada", Open: true, Balance: 150})
}

func TestDepositReportsAllFaults(t *testing.T) {
	aggregatetest.Given(t, Accounts, adaOpened, closed(Closed{})).
		When("deposit", Deposit{AccountID: "acc-1", Amount: -50}).
		Invalid("account_id: the account is closed", "amount: must be positive")
}

func TestDepositKeepsTheBalanceExact(t *testing.T) {
	full := aggregatetest.Given(t, Accounts, adaOpened, deposited(Deposited{Amount: MaxBalance - 1}))
	full.When("deposit", Deposit{AccountID: "acc-1", Amount: 2}).
		Invalid("amount")
	full.When("deposit", Deposit{AccountID: "acc-1", Amount: 1}).
		OK().
		State(Account{Owner: "Ada", Open: true, Balance: MaxBalance})
}

func TestWithdraw(t *testing.T) {
	aggregatetest.Given(t, Accounts, adaOpened, deposited(Deposited{Amount: 100})).
		When("withdraw", Withdraw{AccountID: "acc-1", Amount: 100}).
		Then(withdrawn(Withdrawn{Amount: 100})).
		OK().
		State(Account{Owner: "Ada", Open: true})
}

// A refusal with an event: the answer is an error, and what was asked for is on
// record.
func TestWithdrawMoreThanThereIs(t *testing.T) {
	aggregatetest.Given(t, Accounts, adaOpened, deposited(Deposited{Amount: 100})).
		When("withdraw", Withdraw{AccountID: "acc-1", Amount: 250}).
		Then(withdrawalRejected(WithdrawalRejected{Amount: 250, Balance: 100})).
		Error(InsufficientFunds, Shortfall{Balance: 100, Missing: 150}).
		Version(2).
		State(Account{Owner: "Ada", Open: true, Balance: 100, Rejected: 1})
}

func TestWithdrawReportsAllFaults(t *testing.T) {
	aggregatetest.Given(t, Accounts, adaOpened, closed(Closed{})).
		When("withdraw", Withdraw{AccountID: "acc-1"}).
		Invalid("account_id: the account is closed", "amount: must be positive")
}

// Several events of one command: all of them are stored, or none.
func TestCloseReturnsTheRest(t *testing.T) {
	aggregatetest.Given(t, Accounts, adaOpened, deposited(Deposited{Amount: 100}), withdrawn(Withdrawn{Amount: 30})).
		When("close", Close{AccountID: "acc-1"}).
		Then(balanceReturned(BalanceReturned{Amount: 70}), closed(Closed{})).
		OK(Payout{Returned: 70}).
		State(Account{Owner: "Ada"})
}

func TestCloseAnEmptyAccount(t *testing.T) {
	aggregatetest.Given(t, Accounts, adaOpened).
		When("close", Close{AccountID: "acc-1"}).
		Then(closed(Closed{})).
		OK(Payout{})
}

func TestCloseTwiceStoresNothing(t *testing.T) {
	aggregatetest.Given(t, Accounts, adaOpened, closed(Closed{})).
		When("close", Close{AccountID: "acc-1"}).
		Then().
		OK(Payout{}).
		Version(1)
}

// What a caller sends is JSON; a wrong type is a fault of the field.
func TestRequestsAreRead(t *testing.T) {
	open := aggregatetest.Given(t, Accounts, adaOpened)
	open.When("deposit", `{"account_id": "acc-1", "amount": 5}`).
		Then(deposited(Deposited{Amount: 5}))
	open.When("deposit", `{"account_id": "acc-1", "amount": "five"}`).
		Invalid("amount")
}
