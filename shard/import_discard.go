package shard

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/transfer"
)

// runDiscard removes what an import stored that did not come to its end.
func (o *importOptions) runDiscard(cmd *cobra.Command) (err error) {
	for _, other := range []string{"input", "from", "slots", "dry-run", "allow-unknown"} {
		if cmd.Flags().Changed(other) {
			return usagef("--discard reads no file: leave out --%s", other)
		}
	}
	ctx := cmd.Context()
	p, err := o.resolve(cmd)
	if err != nil {
		return err
	}
	s, err := p.open(ctx, "import --discard", false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	m, err := joinToImport(ctx, p, s, cmd.ErrOrStderr())
	if err != nil {
		return explainStore(err)
	}
	defer func() { err = errors.Join(err, m.leave(ctx)) }()
	update, stop := showProgress(cmd.ErrOrStderr(), "removed", o.quiet)
	events, err := transfer.Discard(ctx, m.target, update)
	stop()
	if err != nil {
		return fmt.Errorf("group %s: %w", p.group, explainStore(err))
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "removed the %d events of an unfinished import from group %s: it is empty\n", events, p.group)
	return err
}
