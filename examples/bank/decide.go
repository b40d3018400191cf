package bank

// A decision gets the state as it is and a command that is valid. It says which
// events shall be stored, all or none of them, and what is answered once they
// are. It changes nothing, asks nobody, and reads no clock but m.Now.

// InsufficientFunds is the code of a withdrawal that was refused. Codes are part
// of what callers rely on.
const InsufficientFunds = "insufficient_funds"

// Shortfall is the detail of InsufficientFunds.
type Shortfall struct {
	Balance int64 `json:"balance"`
	Missing int64 `json:"missing"`
}

// Payout is the answer to a closing: what the owner got.
type Payout struct {
	Returned int64 `json:"returned"`
}

func open(m *msg, _ Account, c OpenAccount) decision {
	return m.Emit(opened(Opened{Owner: c.Owner})).Created()
}

func deposit(m *msg, _ Account, c Deposit) decision {
	return m.Emit(deposited(Deposited{Amount: c.Amount})).OK()
}

// withdraw refuses what the balance does not cover, and keeps a record of it: a
// refusal may have events too.
func withdraw(m *msg, s Account, c Withdraw) decision {
	if c.Amount > s.Balance {
		rejected := WithdrawalRejected{Amount: c.Amount, Balance: s.Balance}
		shortfall := Shortfall{Balance: s.Balance, Missing: c.Amount - s.Balance}
		return m.Emit(withdrawalRejected(rejected)).Error(InsufficientFunds, shortfall)
	}
	return m.Emit(withdrawn(Withdrawn{Amount: c.Amount})).OK()
}

// closeAccount emits two events, or one if there is nothing to return. Closing a
// closed account changes nothing, so it stores nothing.
func closeAccount(m *msg, s Account, _ Close) decision {
	if !s.Open {
		return m.OK(Payout{})
	}
	end := m.Emit()
	if s.Balance > 0 {
		end = end.Emit(balanceReturned(BalanceReturned{Amount: s.Balance}))
	}
	return end.Emit(closed(Closed{})).OK(Payout{Returned: s.Balance})
}
