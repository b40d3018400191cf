package cli

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/cmd/ringhold/internal/scaffold"
)

func initCommand() *cobra.Command {
	var o scaffold.Options
	var quiet bool
	var source string
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Make a new module with an aggregate, ready to run",
		Long: `Makes a Go module with an aggregate, its test, a manifest, a Dockerfile and a README.
It builds, its test passes, and "go run . dev" serves it. The directory must be
empty, or not there yet.`,
		Example: `  ringhold init shop
  ringhold init ./services/shop --module example.com/acme/shop --name shop`,
		Args: takes(1, "DIR"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Dir = args[0]
			var err error
			if o.Source, err = sourceOf(source); err != nil {
				return err
			}
			if !quiet {
				o.Progress = cmd.ErrOrStderr()
			}
			made, err := scaffold.Init(cmd.Context(), o)
			var option *scaffold.OptionError
			if errors.As(err, &option) {
				return usage("%v", err)
			}
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "made %s in %s: %d files\n", made.Module, made.Dir, len(made.Files))
			if made.Untidy != nil {
				fmt.Fprintf(out, "it builds, but \"go mod tidy\" failed; run it there once there is a network: %v\n", made.Untidy)
			}
			fmt.Fprintf(out, "next:\n  %s\n  go test ./...\n  go run . dev\n", changeTo(args[0]))
			return nil
		},
	}
	cmd.Flags().StringVar(&o.Module, "module", "", "path of the Go module (default example.com/NAME)")
	cmd.Flags().StringVar(&o.Name, "name", "", "name of the service (default made of DIR)")
	cmd.Flags().StringVar(&source, "source", "", "where the module gets Ringhold: a version, or the directory of a checkout (default as this binary)")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "do not print each step")
	return cmd
}

var plainDir = regexp.MustCompile(`^[\w./][-\w./]*$`)

// changeTo is the command that makes dir the working directory, as a shell takes
// it.
func changeTo(dir string) string {
	if plainDir.MatchString(dir) {
		return "cd " + dir
	}
	return "cd -- '" + strings.ReplaceAll(dir, "'", `'\''`) + "'"
}

// sourceOf is where a new module gets Ringhold.
func sourceOf(flag string) (scaffold.Source, error) {
	if flag == "" {
		source, err := scaffold.SourceOfBinary()
		if err != nil {
			return source, usage("%v, with --source", err)
		}
		return source, nil
	}
	source, err := scaffold.ParseSource(flag)
	if err != nil {
		return source, usage("--source: %v", err)
	}
	return source, nil
}
