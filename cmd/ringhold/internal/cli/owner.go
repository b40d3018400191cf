package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

func ownerCommand() *cobra.Command {
	var s session
	cmd := &cobra.Command{
		Use:   "owner STREAM ID",
		Short: "Explain who owns an aggregate",
		Long: `Prints the slot of an aggregate, the member that owns it, and how that was found.
The aggregate need not exist.`,
		Example: `  ringhold owner accounts acc-1
  ringhold owner accounts acc-1 -o json | jq -r .member.address`,
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
			owner, err := c.Owner(cmd.Context(), stream, id)
			if err != nil {
				return failed(err)
			}
			return printOwner(cmd, s.output, string(stream.Of(id)), owner)
		},
	}
	s.flags(cmd, formatTable)
	return cmd
}

type ownerJSON struct {
	Slot        ring.Slot   `json:"slot"`
	Member      *memberJSON `json:"member"`
	Epoch       store.Epoch `json:"epoch"`
	RingVersion ring.Number `json:"ring_version"`
	Explanation []string    `json:"explanation,omitempty"`
}

func printOwner(cmd *cobra.Command, f format, of string, o client.Owner) error {
	out := cmd.OutOrStdout()
	if f == formatJSON {
		doc := ownerJSON{Slot: o.Slot, Epoch: o.Epoch, RingVersion: o.Ring, Explanation: o.Explanation}
		if o.Member != nil {
			m := memberDocument(*o.Member)
			doc.Member = &m
		}
		return jsonLine(out, doc)
	}
	if o.Member == nil {
		fmt.Fprintf(out, "%s: slot %d has no owner now (ring %d)\n", of, o.Slot, o.Ring)
	} else {
		fmt.Fprintf(out, "%s: slot %d is %s's at %s (%s), epoch %d, ring %d\n",
			of, o.Slot, o.Member.ID, o.Member.Address, o.Member.State, o.Epoch, o.Ring)
	}
	for _, step := range o.Explanation {
		fmt.Fprintln(out, "  "+step)
	}
	return nil
}
