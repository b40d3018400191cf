#!/usr/bin/env bash
# Builds the programs that people run on their own machines, without cgo, for every platform that Ringhold promises, and
# type-checks all packages with their unit tests there (go vet; on this machine's own platform the linters do it). The
# programs end up in dist/OS-ARCH/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
host=$(go env GOHOSTOS)/$(go env GOHOSTARCH)
export CGO_ENABLED=0

check() {
	go build -trimpath -o "dist/$GOOS-$GOARCH/" ./cmd/ringhold ./cmd/shard || return
	if [[ $GOOS/$GOARCH != "$host" ]]; then
		go list ./... | grep -v /test/e2e | xargs go vet || return
	fi
}

status=0
for os in linux darwin windows; do
	for arch in amd64 arm64; do
		export GOOS=$os GOARCH=$arch
		start=$SECONDS
		if check; then
			echo "ok   $os/$arch ($((SECONDS - start))s)"
		else
			echo "FAIL $os/$arch"
			status=1
		fi
	done
done
exit $status
