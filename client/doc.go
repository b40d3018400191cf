// Package client calls a Ringhold deployment over gRPC.
//
//	c, err := client.New("127.0.0.1:8080", client.Config{})
//	...
//	result, err := c.Dispatch(ctx, "deposit", Deposit{AccountID: "acc-1", Amount: 100}, client.DispatchOptions{})
//
// # Outcomes
//
// A command that was accepted is a [Result]. Everything else is an [*Error],
// whose Response tells what happened in the terms of package message, so that a
// caller decides on types rather than on texts:
//
//	var refused *client.Error
//	if errors.As(err, &refused) {
//		switch r := refused.Response().(type) {
//		case message.DomainError: // r.Code is part of the aggregate's contract
//		case message.WrongExpectedVersion: // r.Current
//		}
//	}
//
// # Retries
//
// Every message has an id, made here if the caller gives none, and keeps it
// over all attempts: a message that stored an event is answered as the first
// time, never run twice. So calls are tried again, within their deadline, when
// the connection broke, when nobody could answer (UNAVAILABLE), and when the
// aggregate's mailbox was full; no other refusal is. Attempts wait longer and
// longer, at random, and all calls of a client share a budget, so that many
// clients do not keep a service down that struggles to come up ([Retry]).
//
// A caller that may itself start over, say after a crash, chooses the message
// ids and sends the same ones again.
//
// # Many messages
//
// A [Stream] sends messages without waiting for each answer. It keeps the order
// of those for the same aggregate, and survives restarts of the server: what
// was not answered is sent again, in order and with the same ids.
package client
