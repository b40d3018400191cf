#!/usr/bin/env bash
# Formats and lints proto/, then generates its Go code, which is committed.
#
#   hack/generate-proto.sh          write the formatted sources and the Go code
#   hack/generate-proto.sh --check  change nothing; fail if any of it is stale
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

committed=proto/ringhold/v1
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

buf() { go tool -modfile=hack/tools/go.mod buf "$@"; }

# Generates beside the tree, so that a failure leaves the committed code alone.
generate() {
	buf lint proto
	buf generate --template proto/buf.gen.yaml --output "$fresh"
}

case "${1-}" in
"")
	buf format --write proto
	generate
	# Removed first: the code of a .proto that was removed must not survive it.
	rm -f "$committed"/*.pb.go
	cp "$fresh/$committed"/*.pb.go "$committed"
	;;
--check)
	buf format --diff --exit-code proto
	generate
	# Only generated files are compared: the folder holds sources and tests too.
	mkdir "$fresh/committed"
	cp "$committed"/*.pb.go "$fresh/committed"
	if ! diff -ru "$fresh/committed" "$fresh/$committed"; then
		echo "$committed: the generated code is stale; run hack/generate-proto.sh" >&2
		exit 1
	fi
	;;
*)
	echo "usage: $0 [--check]" >&2
	exit 2
	;;
esac
