package bank

import (
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/aggregate/aggregatetest"
)

// testdata/ holds one event of each kind as stores hold it, and what the first
// release stored. A change that makes one of them unreadable fails here.
func TestStoredEventsAreRead(t *testing.T) {
	aggregatetest.Samples(t, Accounts,
		opened(Opened{Owner: "Ada"}),
		deposited(Deposited{Amount: 100}),
		withdrawn(Withdrawn{Amount: 30}),
		withdrawalRejected(WithdrawalRejected{Amount: 250, Balance: 70}),
		balanceReturned(BalanceReturned{Amount: 70}),
		closed(Closed{}))
}

func TestMoneyOfTheFirstReleaseCounts(t *testing.T) {
	state := Accounts.Core().NewState()
	stored := aggregate.Payload{Data: []byte(`{"cents": 250}`)}
	if err := Accounts.Core().Replay(state, "money_in", 1, stored); err != nil {
		t.Fatal(err)
	}
	if got := state.(*Account).Balance; got != 250 {
		t.Errorf("the balance is %d, want 250", got)
	}
}
