// Package aggregate is all that the author of an aggregate imports.
//
// An aggregate is a consistency boundary: one account, one order. Its
// [Definition] says which stream its events go to, which commands it takes and
// what its events do to its state. Commands are decided one at a time for each
// aggregate, and what they emit is durable before they are answered.
//
//	var Accounts = aggregate.New[Account]("accounts")
//
//	var opened = aggregate.Event(Accounts, "opened", func(a *Account, e Opened) {
//		a.Owner, a.Open = e.Owner, true
//	})
//
//	func init() {
//		aggregate.Command(Accounts, "open_account", OpenAccount.Validate, open)
//	}
//
// The rules that Ringhold relies on:
//
//   - Validate and decide are pure. They get the state by value and must not
//     change what it refers to; time and ids come from the message.
//   - Apply changes the state in place and is the only thing that does. It runs
//     for new events and when an aggregate is loaded, so it may depend on
//     nothing but state and event.
//   - Events are emitted only through what registering them returned.
//   - An event's name, once stored, is there for ever: [Was] reads what an
//     earlier release wrote, [Definition.Retired] skips what is not needed now.
//
// Package aggregatetest checks these rules where the compiler cannot.
//
// Definitions are made in package variables and init functions. A faulty
// registration panics with a message that names the place: it is a mistake in
// the program, and no process should start with it. Once hosted, a definition
// does not change and is safe for concurrent use.
package aggregate
