// Package v1alpha1 holds the resources that a user of Ringhold writes and
// reads: [AggregateService], the one manifest of a set of aggregates, and
// [AggregateShard], one member as the operator last saw it.
//
// The markers in this package are the single source of defaults and
// validation. hack/generate-api.sh turns them into the schemas in config/crd;
// the API server runs those in a cluster, and package manifest runs the same
// ones, with the API server's own code, for a local run. Nothing is validated
// anywhere else, so the two cannot differ.
//
// +kubebuilder:object:generate=true
// +groupName=ringhold.dev
package v1alpha1

//go:generate ../../hack/generate-api.sh
