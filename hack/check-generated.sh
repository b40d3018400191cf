#!/usr/bin/env bash
# Fails if `make generate` would change anything. It generates in a copy of the tree as it is, uncommitted work included,
# and so leaves the tree itself alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
# What git lists but was deleted here is left out.
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
	if [[ -e $file || -L $file ]]; then printf '%s\0' "$file"; fi
done | tar --null --files-from=- --create | tar --extract --directory="$copy"

cd "$copy"
git init --quiet .
git add --all
before=$(git write-tree)
"${MAKE:-make}" --no-print-directory generate
git add --all
after=$(git write-tree)
if ! git --no-pager diff --exit-code "$before" "$after"; then
	echo "generated code is stale: run make generate and commit what it changes" >&2
	exit 1
fi
