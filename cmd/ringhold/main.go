// Command ringhold runs services of event-sourced aggregates on this machine and
// talks to those that run anywhere. It hosts the examples.
package main

import (
	"os"

	"github.com/ringhold/ringhold/cmd/ringhold/internal/cli"
	"github.com/ringhold/ringhold/examples/bank"
	"github.com/ringhold/ringhold/examples/releases"
	"github.com/ringhold/ringhold/shard"
)

func main() {
	hosted := shard.Binary{
		Name: "ringhold", Samples: true,
		Hosted: []shard.Hosted{bank.Accounts, bank.Greet, releases.Packages},
	}
	os.Exit(cli.Execute(cli.New(shard.Commands(hosted)...)))
}
