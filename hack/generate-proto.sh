#!/usr/bin/env bash
# Formats and lints proto/, then generates its Go code, which is committed.
#
#   hack/generate-proto.sh          write the formatted sources and the Go code
#   hack/generate-proto.sh --check  change nothing; fail if any of it is stale
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

buf() { go tool -modfile=hack/tools/go.mod buf "$@"; }

case "${1-}" in
"")
	buf format --write proto
	buf lint proto
	# Files of a .proto that was removed or renamed must not survive it.
	rm -f proto/ringhold/v1/*.pb.go
	buf generate --template proto/buf.gen.yaml
	;;
--check)
	buf format --diff --exit-code proto
	buf lint proto
	fresh=$(mktemp -d)
	trap 'rm -rf "$fresh"' EXIT
	buf generate --template proto/buf.gen.yaml --output "$fresh"
	# Only generated files are compared: the folder holds sources and tests too.
	mkdir "$fresh/committed"
	cp proto/ringhold/v1/*.pb.go "$fresh/committed/"
	if ! diff -ru "$fresh/committed" "$fresh/proto/ringhold/v1"; then
		echo "proto: the generated code is stale; run hack/generate-proto.sh" >&2
		exit 1
	fi
	;;
*)
	echo "usage: $0 [--check]" >&2
	exit 2
	;;
esac
