// Package crd holds the CustomResourceDefinitions of group ringhold.dev, as
// hack/generate-api.sh makes them from the types in api/v1alpha1.
package crd

import _ "embed"

var (
	// AggregateService is the definition of AggregateService, in YAML. It is
	// shared: do not change it.
	//
	//go:embed ringhold.dev_aggregateservices.yaml
	AggregateService []byte

	// AggregateShard is the definition of AggregateShard, in YAML. It is
	// shared: do not change it.
	//
	//go:embed ringhold.dev_aggregateshards.yaml
	AggregateShard []byte
)
