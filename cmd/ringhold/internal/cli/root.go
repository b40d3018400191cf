package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Groups of commands, as help shows them.
const (
	groupRun      = "run"
	groupMessages = "messages"
	groupData     = "data"
	groupCluster  = "cluster"
)

// suggestWithin is how many letters of a command's name may be wrong for it to be
// suggested.
const suggestWithin = 2

// New returns the command line. The local commands are those that run a server
// or look at a binary, such as dev.
func New(local ...*cobra.Command) *cobra.Command {
	root := &cobra.Command{
		Use:   "ringhold",
		Short: "Run and talk to services of event-sourced aggregates",
		Long: `ringhold runs a service of event-sourced aggregates on this machine, and talks to
one wherever it runs.

  ringhold dev -f examples/bank/aggregateservice.yaml
  ringhold dispatch open_account '{"id":"acc-1","owner":"Ada"}'
  ringhold state accounts acc-1`,
		Example: `  ringhold init shop              # a module of your own, ready to run
  ringhold help exit-codes        # what scripts can rely on
  ringhold completion bash --help # names of services and streams at a key`,
		SilenceErrors: true, SilenceUsage: true,
		SuggestionsMinimumDistance: suggestWithin,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknown(cmd, args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(flagFault)
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run a service:"},
		&cobra.Group{ID: groupMessages, Title: "Send messages:"},
		&cobra.Group{ID: groupData, Title: "Look at what is stored:"},
		&cobra.Group{ID: groupCluster, Title: "Look at the cluster:"},
	)
	add(root, groupRun, append([]*cobra.Command{initCommand()}, local...)...)
	add(root, groupMessages, dispatchCommand(), authorizedCommand(), servicesCommand())
	add(root, groupData, eventsCommand(), stateCommand(), streamsCommand(), deleteCommand())
	add(root, groupCluster, ringCommand(), ownerCommand(), actorCommand())
	root.AddCommand(versionCommand(), &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: exitCodesHelp})
	return root
}

func add(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}

func unknown(cmd *cobra.Command, name string) error {
	text := fmt.Sprintf("there is no command %q", name)
	if like := cmd.SuggestionsFor(name); len(like) > 0 {
		text += fmt.Sprintf("; did you mean %s?", strings.Join(like, " or "))
	}
	return usage("%s\n%q lists the commands", text, cmd.CommandPath()+" --help")
}

// takes checks the number of arguments: names are those of the usage, and the
// last ones may be left out.
func takes(least int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage("%s needs %s; for example:\n%s", cmd.CommandPath(), strings.Join(names[:least], " and "), firstExample(cmd))
		case len(args) > len(names):
			return usage("%s does not know what to do with %q; for example:\n%s", cmd.CommandPath(), args[len(names)], firstExample(cmd))
		}
		return nil
	}
}

func firstExample(cmd *cobra.Command) string {
	first, _, _ := strings.Cut(cmd.Example, "\n")
	return first
}
