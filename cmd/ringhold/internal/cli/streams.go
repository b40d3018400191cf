package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
)

func streamsCommand() *cobra.Command {
	var s session
	var prefix string
	var limit int
	cmd := &cobra.Command{
		Use:   "streams [STREAM]",
		Short: "List the aggregates that are stored",
		Long: `Lists the aggregates that are stored, of one stream name or all, by name and in the
byte order of their ids: at which version each is, and how many events it holds.`,
		Example: `  ringhold streams
  ringhold streams accounts --prefix acc- --limit 20
  ringhold streams packages -o json | jq -r 'select(.events > 100).aggregate_id'`,
		Args:              takes(0, "STREAM"),
		ValidArgsFunction: s.completeStream,
		RunE: func(cmd *cobra.Command, args []string) error {
			o := client.StreamsOptions{Prefix: prefix}
			if len(args) > 0 {
				o.Stream = message.StreamName(args[0])
				if err := o.Stream.Validate(); err != nil {
					return usage("STREAM: %v", err)
				}
			}
			switch {
			case prefix != "" && o.Stream == "":
				return usage("--prefix needs a STREAM, such as: ringhold streams accounts --prefix %s", prefix)
			case limit < 0:
				return usage("--limit is %d: write how many to list, or 0 for all", limit)
			}
			c, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }()
			return printStreams(cmd, s.output, c, o, limit)
		},
	}
	s.flags(cmd, formatTable)
	cmd.Flags().StringVar(&prefix, "prefix", "", "list only ids that begin so")
	cmd.Flags().IntVar(&limit, "limit", 0, "the most to list; 0 is all")
	return cmd
}

type streamJSON struct {
	Stream  message.StreamName  `json:"stream"`
	ID      message.AggregateID `json:"aggregate_id"`
	Version message.Version     `json:"version"`
	Events  uint64              `json:"events"`
	Slot    ring.Slot           `json:"slot"`
	Deleted bool                `json:"deleted,omitempty"`
	Erased  bool                `json:"erased,omitempty"`
}

func printStreams(cmd *cobra.Command, f format, c *client.Client, o client.StreamsOptions, limit int) error {
	out := cmd.OutOrStdout()
	var t *table
	if f == formatTable {
		t = newTable(out, "STREAM", "ID", "VERSION", "EVENTS", "SLOT", "")
	}
	listed := 0
	for info, err := range c.Streams(cmd.Context(), o) {
		if err != nil {
			return failed(err)
		}
		if limit > 0 && listed == limit {
			break
		}
		listed++
		if t != nil {
			t.row(info.Stream, info.ID, info.Version, info.Events, info.Slot, strings.TrimSpace(ending(info.Deleted, info.Erased)))
			continue
		}
		err := jsonLine(out, streamJSON{
			Stream: info.Stream, ID: info.ID, Version: info.Version, Events: info.Events, Slot: info.Slot,
			Deleted: info.Deleted, Erased: info.Erased,
		})
		if err != nil {
			return err
		}
	}
	if t == nil {
		return nil
	}
	return t.flush()
}
