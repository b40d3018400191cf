// Command pgserver starts a PostgreSQL server on loopback, prints its URL, and
// ends it when its own standard input ends. hack/test.sh uses it, so that the
// packages of a whole test run share one server.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/ringhold/ringhold/internal/pgtest"
)

func main() {
	// Signals need no care: the server ends with this process in any case.
	if err := pgtest.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "pgserver: %v\n", err)
		os.Exit(1)
	}
}
