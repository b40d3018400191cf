// Package wire maps messages and responses to the contract ringhold.v1 and back.
// It is the one place that knows how: members, gateways and clients all use it,
// so that a response reaches its caller as the member gave it.
//
// A success is a DispatchResponse. Everything else is a gRPC status that
// carries a Refusal, and beside it the standard details that generic clients
// know. Each kind of refusal has one gRPC code and one HTTP status.
package wire
