// Package bank is the sample to read first: an account that can be opened, paid
// into, drawn from and closed. It is plain Go; Ringhold does the rest.
//
// The files, in the order to read them: account.go holds the state and the
// events that make it, commands.go what is asked of an account, decide.go how
// that is answered, greet.go a service that needs no aggregate, and
// aggregateservice.yaml the names and limits under which all of it is served.
//
// Amounts are whole numbers of the smallest unit of one currency: cents.
package bank
