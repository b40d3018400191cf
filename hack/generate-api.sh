#!/usr/bin/env bash
# Generates what follows from the types in api/v1alpha1: their deepcopy
# functions and the schemas in config/crd. Both are committed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

go tool -modfile=hack/tools/go.mod controller-gen \
	object crd:generateEmbeddedObjectMeta=false \
	paths=./api/v1alpha1 \
	output:object:dir=api/v1alpha1 output:crd:dir=config/crd
