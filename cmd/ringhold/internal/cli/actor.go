package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func actorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                        "actor",
		Short:                      "Act on live aggregates",
		SuggestionsMinimumDistance: suggestWithin,
		Example:                    "  ringhold actor unload accounts acc-1",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknown(cmd, args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(unloadCommand())
	return cmd
}

func unloadCommand() *cobra.Command {
	var s session
	cmd := &cobra.Command{
		Use:   "unload STREAM ID",
		Short: "Drop a live aggregate from memory",
		Long: `Drops an aggregate from the memory of its owner, behind the messages that wait for
it. The next message loads it again from what is stored. This also ends a
quarantine, for instance when a new release can read its events.`,
		Example:           "  ringhold actor unload accounts acc-1",
		Args:              takes(2, "STREAM", "ID"),
		ValidArgsFunction: s.completeAggregate,
		RunE: func(cmd *cobra.Command, args []string) error {
			stream, id, err := aggregateOf(args)
			if err != nil {
				return err
			}
			c, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }()
			unloaded, err := c.Unload(cmd.Context(), stream, id)
			if err != nil {
				return failed(err)
			}
			switch {
			case s.output == formatJSON:
				return jsonLine(cmd.OutOrStdout(), map[string]bool{"unloaded": unloaded})
			case unloaded:
				fmt.Fprintf(cmd.OutOrStdout(), "unloaded %s\n", stream.Of(id))
			default:
				fmt.Fprintf(cmd.OutOrStdout(), "%s was not in memory; a quarantine, if there was one, is lifted\n", stream.Of(id))
			}
			return nil
		},
	}
	s.flags(cmd, formatTable)
	return cmd
}
