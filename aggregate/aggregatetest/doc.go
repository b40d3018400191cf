// Package aggregatetest tests aggregates as plain functions: no runtime, no
// store, no goroutine.
//
//	func TestWithdraw(t *testing.T) {
//		aggregatetest.Given(t, Accounts, opened(Opened{Owner: "Ada"}), deposited(Deposited{Amount: 100})).
//			When("withdraw", Withdraw{AccountID: "acc-1", Amount: 30}).
//			Then(withdrawn(Withdrawn{Amount: 30})).
//			OK().
//			State(Account{Owner: "Ada", Open: true, Balance: 70})
//	}
//
// Besides what a scenario expects, it is checked for what no compiler sees:
//
//   - Events and state survive their codec: encoded and decoded they are deeply
//     equal. Fields that are not exported, or an int in an any, do not.
//   - Replays of the same events lead to equal states, and decisions on equal
//     states are equal. A clock, chance or the order of a map makes them differ.
//   - Validate and decide leave the state as it was, apply leaves the event.
//   - A scenario expects something.
//
// [Samples] keeps one stored sample of every event under testdata/ and checks
// that each still loads: those of events that were renamed or reshaped too.
//
// A command's Before step is not run, since it may do I/O: what it would find
// out is given with [Scenario.Assign].
package aggregatetest
