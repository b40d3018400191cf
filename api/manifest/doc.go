// Package manifest reads an AggregateService from YAML exactly as the API
// server would, for a run without Kubernetes.
//
// Everything that decides comes from the generated CustomResourceDefinition in
// config/crd, and is run by the API server's own code: unknown and duplicate
// fields, defaults, the OpenAPI schema, CEL rules. What this package accepts a
// cluster accepts, and with the same defaults. What it adds is the telling: all
// faults at once, each with its line, its path and what to write instead.
//
// The steps of one Parse, in the order of the files: document.go splits the
// file and picks the resource, source.go finds lines and duplicate fields,
// definition.go compiles the schema once, admit.go runs it, explain.go and
// advice.go put the outcome into words.
package manifest
