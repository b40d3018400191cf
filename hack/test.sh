#!/usr/bin/env bash
# Runs everything that CI checks, stage by stage, and ends with what failed, what was skipped and why, and the totals.
# `make test` calls it. A failed stage does not stop the later ones, except that nothing is tried on code that does not
# build.
#
# Each stage is a make target of the same name and can be run alone. STAGES="lint race" runs only those.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

known="build tidy-check generate-check lint race unit parity fuzz e2e smoke cross"
for name in ${STAGES-}; do
	if [[ " $known " != *" $name "* ]]; then
		echo "STAGES: there is no stage \"$name\", there are: $known" >&2
		exit 2
	fi
done

records=$(mktemp -d)
trap 'stop_postgres; rm -rf "$records"' EXIT
trap 'exit 130' INT TERM
table=""

# One PostgreSQL server for the whole run, unless one is given. It ends when its standard input does: with stop_postgres,
# or with this script, however that ends. So only this script may hold the other end, descriptor 9; stages close it. Where
# the machine has no server, the tests that need one say so themselves.
postgres=""
start_postgres() {
	if [[ -n ${RINGHOLD_TEST_POSTGRES-} ]]; then
		return 0
	fi
	go build -o "$records/pgserver" ./internal/pgtest/cmd/pgserver || return 0
	mkfifo "$records/pgserver.in" "$records/pgserver.url"
	"$records/pgserver" <"$records/pgserver.in" >"$records/pgserver.url" &
	postgres=$!
	exec 9>"$records/pgserver.in"
	local url
	if read -r url <"$records/pgserver.url"; then
		export RINGHOLD_TEST_POSTGRES=$url
	fi
}

stop_postgres() {
	if [[ -n $postgres ]]; then
		exec 9>&-
		wait "$postgres" || true
	fi
}

# stage NAME WHAT runs the make target NAME; WHAT says what it checks.
stage() {
	local name=$1 what=$2 start=$SECONDS verdict=ok
	if [[ -n ${STAGES-} && " $STAGES " != *" $name "* ]]; then
		return 0
	fi
	printf '\n=== %s: %s\n' "$name" "$what"
	if ! "${MAKE:-make}" --no-print-directory "$name" RECORD="$records/$name.json" 9>&-; then
		verdict=FAILED
		: >"$records/$name.failed"
	fi
	local took=$((SECONDS - start))
	printf '=== %s: %s after %dm%02ds\n' "$name" "$verdict" $((took / 60)) $((took % 60))
	table+=$(printf '%-16s %-7s %3dm%02ds' "$name" "$verdict" $((took / 60)) $((took % 60)))$'\n'
	[[ $verdict == ok ]]
}

# skip NAME REASON leaves a stage out and lists it among what was skipped.
skip() {
	printf '\n=== %s: skipped: %s\n' "$1" "$2"
	printf '{"Skips": [{"Package": "stage", "Test": "%s", "Reason": "%s"}]}\n' "$1" "$2" >"$records/$1.json"
	table+=$(printf '%-16s %-7s' "$1" skipped)$'\n'
}

finish() {
	printf '\n=== the run: %dm%02ds\n%s' $((SECONDS / 60)) $((SECONDS % 60)) "$table"
	go run ./hack/testreport -summary "$records"
	exit
}

stage build "everything compiles" || finish
start_postgres
stage tidy-check "go.mod lists what is imported"
stage generate-check "committed generated code is fresh"
stage lint "golangci-lint and formatting"
if [[ $(go env CGO_ENABLED) == 1 ]]; then
	stage race "unit tests under the race detector"
else
	skip race "the race detector needs a C compiler"
	stage unit "unit tests"
fi
stage parity "each row of docs/parity.md has its tests, on every store"
stage fuzz "every fuzz target for a few seconds"
stage e2e "end-to-end tests"
stage smoke "the README's commands"
stage cross "Linux, macOS and Windows, amd64 and arm64"
finish
