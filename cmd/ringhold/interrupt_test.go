//go:build !windows

package main

import (
	"os"
	"os/exec"
	"testing"
)

// Windows has no signal that one process can send another to interrupt it.
func TestInterrupt(t *testing.T) {
	address, hangs := start(t)
	cmd := exec.CommandContext(t.Context(), built, "dispatch", "hangs", "--server", address)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-hangs
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the code says more
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit %d", code)
	}
}
