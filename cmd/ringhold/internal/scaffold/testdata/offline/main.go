// Command offline stands in for the go command on a machine without a network,
// where tidying fails and building does not.
package main

import (
	"fmt"
	"os"
	"os/exec"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "mod" {
		fmt.Fprintln(os.Stderr, "dial tcp: lookup proxy: no such host")
		os.Exit(1)
	}
	cmd := exec.Command(os.Getenv("REAL_GO"), os.Args[1:]...) //nolint:noctx // it ends with its parent
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		os.Exit(1)
	}
}
