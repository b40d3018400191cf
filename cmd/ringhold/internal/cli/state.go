package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
)

func stateCommand() *cobra.Command {
	var s session
	var at versionFlag
	cmd := &cobra.Command{
		Use:   "state STREAM ID",
		Short: "Print the state of an aggregate, now or at an earlier version",
		Long: `Prints the state of one aggregate as a JSON document: as its owner would decide on
it now, or as it was at a version.`,
		Example: `  ringhold state accounts acc-1
  ringhold state packages bash --at 10
  ringhold state accounts acc-1 | jq .state.balance`,
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
			state, err := c.State(cmd.Context(), stream, id, at.given)
			if err != nil {
				return failed(err)
			}
			return printState(cmd, s.output, state)
		},
	}
	s.flags(cmd, formatJSON)
	cmd.Flags().Var(&at, "at", "version to print the state at (default the newest)")
	return cmd
}

type stateJSON struct {
	Stream        message.StreamName  `json:"stream"`
	ID            message.AggregateID `json:"aggregate_id"`
	Version       message.Version     `json:"version"`
	Deleted       bool                `json:"deleted,omitempty"`
	Erased        bool                `json:"erased,omitempty"`
	State         json.RawMessage     `json:"state,omitempty"`
	SchemaVersion int                 `json:"schema_version,omitempty"`
}

func printState(cmd *cobra.Command, f format, s client.State) error {
	if f == formatJSON {
		return jsonDocument(cmd.OutOrStdout(), stateJSON{
			Stream: s.Stream, ID: s.ID, Version: s.Version, Deleted: s.Deleted, Erased: s.Erased,
			State: raw(s.State), SchemaVersion: s.SchemaVersion,
		})
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s @%d%s\n", s.Stream.Of(s.ID), s.Version, ending(s.Deleted, s.Erased))
	if s.State.IsZero() {
		return nil
	}
	return jsonDocument(cmd.OutOrStdout(), raw(s.State))
}

func ending(deleted, erased bool) string {
	switch {
	case erased:
		return " erased"
	case deleted:
		return " deleted"
	}
	return ""
}
