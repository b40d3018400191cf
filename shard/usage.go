package shard

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exitUsage is the exit code of a wrong command line.
const exitUsage = 2

// usageError is a command line that is wrong.
type usageError struct{ cause error }

func (e *usageError) Error() string { return e.cause.Error() }

func (e *usageError) Unwrap() error { return e.cause }

// ExitCode is what the process ends with.
func (e *usageError) ExitCode() int { return exitUsage }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// noArguments refuses arguments.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("%s takes no arguments, but there is %q: %q tells the flags", cmd.CommandPath(), args[0], cmd.CommandPath()+" --help")
}

// noCommand refuses what is no command of a root.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("there is no command %q: %q lists the commands", args[0], cmd.CommandPath()+" --help")
}

// flagFault says what is wrong with the flags.
func flagFault(cmd *cobra.Command, err error) error {
	text := err.Error()
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		f := invalid.GetFlag()
		text = fmt.Sprintf("--%s: %q cannot stand there, it takes: %s", f.Name, invalid.GetValue(), f.Usage)
	}
	return usagef("%s: %q tells the flags", text, cmd.CommandPath()+" --help")
}
