// Package releases follows the releases of Debian source packages: one
// aggregate a package, which takes a version only if Debian's order has it
// after the last one that was taken.
//
// debian-releases.jsonl.gz next to it holds thirty years of them, as commands.
package releases
