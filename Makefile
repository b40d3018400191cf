# Ringhold's tasks. `make` or `make help` lists them; CONTRIBUTING.md says how they belong together.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

FUZZTIME ?= 5s
# The stores that every parity test has to pass on.
STORES ?= memory,sqlite,postgres
# Packages of unit tests: all but the suites that have a target of their own. Narrow it with PKGS=./ring/...
PKGS ?= $$(go list ./... | grep -vE '/test/(parity|e2e)(/|$$)')
# More flags for go test, such as TESTFLAGS='-run TestAppend -v'.
TESTFLAGS ?=
# Set by `make test`: the file that keeps a stage's counts for the summary.
RECORD ?=

# In CI nothing comes from the test cache.
ifeq ($(CI),true)
override TESTFLAGS += -count=1
endif

TOOL := go tool -modfile=hack/tools/go.mod
LINT := go tool -modfile=hack/tools/golangci-lint/go.mod golangci-lint
RECORDED := $(if $(RECORD),-record $(RECORD))
REPORT := go run ./hack/testreport $(RECORDED)

##@ Everyday

.PHONY: help
help: ## List all targets
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Compile everything; leave bin/ringhold and bin/shard
	go build ./...
	go build -trimpath -o bin/ ./cmd/ringhold ./cmd/shard

.PHONY: test
test: ## Everything that CI checks, stage by stage (STAGES="lint race" for some of it)
	@MAKE='$(MAKE)' hack/test.sh

.PHONY: unit
unit: ## Unit tests, quickly (PKGS=./ring/... TESTFLAGS='-run TestAppend')
	@go test -json $(TESTFLAGS) $(PKGS) | $(REPORT)

.PHONY: race
race: ## Unit tests under the race detector
	@go test -race -json $(TESTFLAGS) $(PKGS) | $(REPORT)

.PHONY: fmt
fmt: ## Format all Go code
	$(LINT) fmt

.PHONY: clean
clean: ## Remove what builds leave
	rm -rf bin dist

##@ Checks

.PHONY: lint
lint: ## golangci-lint: correctness, layering, documentation, formatting
	$(LINT) run

.PHONY: vet
vet: ## go vet alone
	go vet ./...

.PHONY: tidy-check
tidy-check: ## go.mod and go.sum hold what is imported, no more
	go mod tidy -diff

.PHONY: generate-check
generate-check: ## Committed generated code is what make generate makes (works in a copy)
	@MAKE='$(MAKE)' hack/check-generated.sh

.PHONY: parity
parity: ## Each row of docs/parity.md has tests that pass on every store
	@go run ./hack/parity -stores $(STORES) $(RECORDED)

.PHONY: fuzz
fuzz: ## Every fuzz target for FUZZTIME (5s) each
	@FUZZTIME=$(FUZZTIME) hack/fuzz.sh | $(REPORT)

.PHONY: e2e
e2e: ## End-to-end tests
	@if [[ -d test/e2e ]]; then go test -json -count=1 -timeout=30m $(TESTFLAGS) ./test/e2e/... | $(REPORT); else echo "there is no test/e2e"; fi

.PHONY: smoke
smoke: build ## The README's commands, against a service that is started for it
	@hack/smoke.sh

.PHONY: cross
cross: ## Build for Linux, macOS and Windows on amd64 and arm64, into dist/
	@hack/cross.sh

.PHONY: bench
bench: ## Benchmarks; each prints its question and a ratio (BENCH="-help" tells of flags)
	go run ./benchmarks $(BENCH)

.PHONY: bench-results
bench-results: ## The same, kept in benchmarks/RESULTS.md with charts; the machine should do nothing else
	go run ./benchmarks -out benchmarks/RESULTS.md $(BENCH)
	@$(MAKE) bench-charts

.PHONY: bench-growth
bench-growth: ## 50 million events against an empty table, and what 10 million appends leave: kept too; an hour, 35 GB in TMPDIR (BENCH="-dir ...")
	go run ./benchmarks -only growth,bloat -for 10s -out benchmarks/RESULTS.md $(BENCH)
	@$(MAKE) bench-charts

.PHONY: bench-charts
bench-charts: ## Draw the charts of what is kept
	cd hack/tools/chart && go run . -in ../../../benchmarks/results.json -out ../../../benchmarks/charts

##@ Generated code

.PHONY: generate
generate: ## Generate all committed generated code: every hack/generate-*.sh
	@for script in $(wildcard hack/generate-*.sh); do echo "$$script"; $$script; done
