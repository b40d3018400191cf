#!/usr/bin/env bash
# Fuzzes every target of the module for FUZZTIME (default 5s) each and writes `go test -json` events to standard output.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fuzztime=${FUZZTIME:-5s}
events=$(mktemp)
trap 'rm -f "$events"' EXIT
trap 'exit 130' INT TERM

targets() {
	git ls-files -co --exclude-standard -- '*_test.go' |
		xargs -r -d '\n' grep -HoE '^func Fuzz[A-Za-z0-9_]*\(' -- /dev/null |
		sed -E 's/:func (Fuzz[A-Za-z0-9_]*)\($/ \1/' | LC_ALL=C sort
}

# Go before 1.27 may report the end of the fuzzing time itself as a failure (go.dev/issue/75804): a bare "context deadline
# exceeded" and no failing input. Such a run says nothing and is made again.
inconclusive() {
	grep -qF '"Output":"    context deadline exceeded\n"' "$events" && ! grep -qF 'Failing input written' "$events"
}

status=0
while read -r file target; do
	for _ in 1 2 3; do
		ok=true
		go test -json -run='^$' -fuzz="^$target\$" -fuzztime="$fuzztime" -fuzzminimizetime=5s "./$(dirname "$file")" \
			>"$events" </dev/null || ok=false
		if $ok || ! inconclusive; then
			break
		fi
	done
	$ok || status=1
	cat "$events"
done < <(targets)
exit $status
