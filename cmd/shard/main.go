// Command shard is the stock shard binary: it hosts the examples. A team's own
// looks like it, with its aggregates instead; `ringhold init` makes one.
package main

import (
	"github.com/ringhold/ringhold/examples/bank"
	"github.com/ringhold/ringhold/examples/releases"
	"github.com/ringhold/ringhold/shard"
)

func main() {
	shard.MainOf(shard.Binary{
		Name:    "shard",
		Hosted:  []shard.Hosted{bank.Accounts, bank.Greet, releases.Packages},
		Samples: true, // a manifest serves one of the examples, not all
	})
}
