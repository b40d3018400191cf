// Package ringholdv1 is Ringhold's wire contract in Go, generated from the
// .proto files beside it by hack/generate-proto.sh.
//
// Callers use [DispatcherClient], or rather package client, which adds message
// ids, retries and types. [StreamsClient] and [ClusterClient] are for operators.
// A call that did not succeed fails with a gRPC status that carries one
// [Refusal] among its details.
//
// The contract only grows: numbers and names of fields and enum values stay,
// and what clients may rely on is said in the comments of the .proto files.
package ringholdv1
