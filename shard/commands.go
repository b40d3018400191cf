package shard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Main is a whole shard binary with the given aggregates and plain services:
//
//	func main() { shard.Main(Accounts, dispatch.Func("greet", greet)) }
//
// It has the commands dev, serve, migrate, export, import and catalogue, and ends
// the process.
func Main(hosted ...Hosted) { MainOf(Binary{Hosted: hosted}) }

// MainOf is Main for a binary that says more of itself.
func MainOf(b Binary) {
	if b.Name == "" {
		b.Name = "shard"
	}
	root := &cobra.Command{
		Use:           b.Name,
		Short:         "Hosts aggregates and serves their commands",
		SilenceErrors: true, SilenceUsage: true,
		Version: BinaryVersion(),
	}
	catalogue := root.Flags().Bool("catalogue", false, "print what this binary hosts, as JSON, and end")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if *catalogue {
			return printCatalogue(cmd.OutOrStdout(), b)
		}
		return cmd.Help()
	}
	root.Args = noCommand
	root.SetFlagErrorFunc(flagFault)
	root.AddCommand(Commands(b)...)
	os.Exit(Execute(root))
}

// Execute runs a root command until it is done or the process is told to end,
// and returns the exit code: that of an error with an ExitCode method, else 1. A
// command line that is wrong ends with 2. A second signal ends the process at once.
func Execute(root *cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(root.ErrOrStderr(), "error: "+text)
	}
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return 1
}

// Commands returns the commands that every shard binary has: dev, serve,
// migrate, export, import and catalogue.
func Commands(b Binary) []*cobra.Command {
	return []*cobra.Command{devCommand(b), serveCommand(b), migrateCommand(b), exportCommand(b), importCommand(b), catalogueCommand(b)}
}
