package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
)

// deleteOptions are the flags of delete.
type deleteOptions struct {
	session
	hard    bool
	confirm string
	expect  versionFlag
	id      string
}

func deleteCommand() *cobra.Command {
	var o deleteOptions
	cmd := &cobra.Command{
		Use:   "delete STREAM ID",
		Short: "Delete or erase an aggregate",
		Long: `Ends an aggregate. Its events stay and can be read, and its id can be created anew.

With --hard it is erased: the data, metadata and commands of its events go for
good, and its id is refused for ever. That has to be confirmed with the id.`,
		Example: `  ringhold delete accounts acc-1
  ringhold delete accounts acc-1 --expect 7
  ringhold delete accounts acc-1 --hard --confirm acc-1`,
		Args:              takes(2, "STREAM", "ID"),
		ValidArgsFunction: o.completeAggregate,
		RunE:              o.run,
	}
	o.session.flags(cmd, formatTable)
	f := cmd.Flags()
	f.BoolVar(&o.hard, "hard", false, "erase: what the events hold goes for good")
	f.StringVar(&o.confirm, "confirm", "", "with --hard: the aggregate's id once more")
	f.Var(&o.expect, "expect", "version that the aggregate must have, or nothing happens")
	f.StringVar(&o.id, "id", "", "message id, the same for every attempt (default a new one)")
	return cmd
}

func (o *deleteOptions) run(cmd *cobra.Command, args []string) error {
	stream, id, err := aggregateOf(args)
	if err != nil {
		return err
	}
	switch {
	case o.hard && o.confirm != string(id):
		return usage("--hard erases %s for good: repeat its id with --confirm to mean it", stream.Of(id))
	case !o.hard && o.confirm != "":
		return usage("--confirm is for --hard; without it nothing has to be confirmed")
	}
	options := client.DeleteOptions{Hard: o.hard, MessageID: message.ID(o.id), ExpectedVersion: o.expect.given}
	if err := checkID(cmd, "id", options.MessageID); err != nil {
		return err
	}
	c, err := o.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	deleted, err := c.Delete(cmd.Context(), stream, id, options)
	if err != nil {
		return failed(err)
	}
	what := "deleted"
	if o.hard {
		what = "erased"
	}
	if o.output == formatJSON {
		return jsonLine(cmd.OutOrStdout(), struct {
			Result    string          `json:"result"`
			Version   message.Version `json:"version"`
			MessageID message.ID      `json:"message_id"`
		}{what, deleted.Version, deleted.MessageID})
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s %s @%d\n", what, stream.Of(id), deleted.Version)
	return nil
}
