package shard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/transfer"
)

// exportOptions are the flags of export.
type exportOptions struct {
	transferOptions
	out      string
	resume   bool
	hashOnly bool
	live     bool
}

func exportCommand(Binary) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write all that a store holds of a group to a file",
		Long: `Writes all events of a group, its snapshots, states and alarms to a file of JSON
lines, compressed if its name ends in .gz. ringhold import stores it, in a store of
any kind. At the end stands the hash of the log, which is the same in every store
that has the same events; --hash-only computes it and writes nothing else.

The group should not be served meanwhile. With --live it may be: then the events
are those of the moment at which the export began, and nothing else is exported.
What other things there are would be newer than the events.

An export that was broken off goes on with --resume and ends at the same events,
those that were there when it began.`,
		Example: `  ringhold export -f examples/bank/aggregateservice.yaml -o bank.jsonl.gz
  ringhold export -f examples/bank/aggregateservice.yaml -o bank.jsonl.gz --resume
  ringhold export --group default.bank --store postgres://me@db/app | jq -c .type
  ringhold export -f examples/bank/aggregateservice.yaml --hash-only`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.flags(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.out, "output", "o", "-", "file to write, - for the standard output")
	f.BoolVar(&o.resume, "resume", false, "go on with a file that an export began")
	f.BoolVar(&o.hashOnly, "hash-only", false, "print the hash of the log and write no file")
	f.BoolVar(&o.live, "live", false, "export the events alone, of a group that is served")
	return cmd
}

func (o *exportOptions) run(cmd *cobra.Command) (err error) {
	switch {
	case o.resume && o.out == "-":
		return usagef("--resume goes on with a file: name it with -o")
	case o.hashOnly && (o.resume || o.live || o.out != "-"):
		return usagef("--hash-only writes no file: leave out -o, --resume and --live")
	}
	p, err := o.resolve(cmd)
	if err != nil {
		return err
	}
	s, err := p.open(cmd.Context(), "export", false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if p.slots, err = p.storedSlots(cmd.Context(), s); err != nil {
		return explainStore(err)
	}
	if o.hashOnly {
		return o.hash(cmd, p, s)
	}
	use, err := lookAtUse(cmd.Context(), s)
	if err != nil {
		return explainStore(err)
	}
	if by := use.by(); by != "" && !o.live {
		return fmt.Errorf("group %s is served by %s: end that first, or give --live to export its events alone", p.group, by)
	}
	return o.write(cmd, p, s, use)
}

// storedSlots is the group's number of slots: that of its ring, since events
// stand in them.
func (p place) storedSlots(ctx context.Context, s store.Store) (int, error) {
	r, err := storedRing(ctx, s)
	switch {
	case err != nil:
		return 0, err
	case r == nil && p.slots == 0:
		return 0, fmt.Errorf("%s holds nothing of group %s", redacted(p.address), p.group)
	case r == nil:
		return p.slots, nil
	case p.slots != 0 && p.slots != r.Slots:
		return 0, fmt.Errorf("spec.slots is %d, the events of group %s were stored with %d slots: slots cannot be changed, write slots: %d", p.slots, p.group, r.Slots, r.Slots)
	}
	return r.Slots, transfer.Unfinished(r)
}

func (o *exportOptions) hash(cmd *cobra.Command, p place, s movable) error {
	update, stop := showProgress(cmd.ErrOrStderr(), "read", o.quiet)
	h, err := transfer.HashStore(cmd.Context(), s, update)
	stop()
	if err != nil {
		return explainStore(err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s  %d events of %s\n", h.Sum(), h.Events(), p.group)
	return err
}

func (o *exportOptions) write(cmd *cobra.Command, p place, s movable, use inUse) (err error) {
	cfg := transfer.ExportConfig{Group: p.group, Slots: p.slots, EventsOnly: o.live, Compress: strings.HasSuffix(o.out, ".gz")}
	if !o.live {
		cfg.Confirm = func(ctx context.Context) error { return use.confirm(ctx, s) }
	}
	export := func(update func(done, total int64)) (transfer.Summary, error) {
		cfg.Progress = update
		if o.out == "-" {
			return transfer.Export(cmd.Context(), s, cmd.OutOrStdout(), cfg)
		}
		return o.toFile(cmd.Context(), s, cfg)
	}
	update, stop := showProgress(cmd.ErrOrStderr(), "exported", o.quiet)
	sum, err := export(update)
	stop()
	if err != nil {
		if cmd.Context().Err() != nil && o.out != "-" {
			return fmt.Errorf("interrupted; the same command with --resume goes on: %w", err)
		}
		return fileFault(o.out, explainStore(err))
	}
	_, err = fmt.Fprintf(cmd.ErrOrStderr(), "exported %s of group %s\nlog %s\n", summaryText(sum), p.group, sum.Log)
	return err
}

// toFile writes a new file, or goes on with one, and sees that it is on disk.
func (o *exportOptions) toFile(ctx context.Context, s movable, cfg transfer.ExportConfig) (_ transfer.Summary, err error) {
	flags := os.O_RDWR | os.O_CREATE
	if !o.resume {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(o.out, flags, 0o600) // it holds what the store holds
	if errors.Is(err, os.ErrExist) {
		return transfer.Summary{}, usagef("--output %s: the file is there already: give --resume to go on with it, or name another one", o.out)
	}
	if err != nil {
		return transfer.Summary{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum, err := transfer.Resume(ctx, s, f, cfg)
	if errors.Is(err, transfer.ErrNothingToResume) {
		if err = startOver(f); err == nil {
			sum, err = transfer.Export(ctx, s, f, cfg)
		}
	}
	if err == nil {
		err = f.Sync()
	}
	return sum, err
}

func startOver(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// inUse is who was in a group, and where its logs ended.
type inUse struct {
	members []store.Member
	heads   []store.SlotHead
	at      time.Time
}

func lookAtUse(ctx context.Context, s movable) (use inUse, err error) {
	use.at = time.Now()
	if use.members, err = s.Members(ctx); err == nil {
		use.heads, err = s.Heads(ctx)
	}
	return use, err
}

// by says who has a lease, if anybody has. In a store that this process has for
// itself nobody can.
func (u inUse) by() string {
	for _, m := range u.members {
		if !m.Deposed && m.LeaseUntil.After(u.at) && !strings.HasPrefix(m.Address, "in-process:") {
			return fmt.Sprintf("%s (member %s)", m.Address, m.ID)
		}
	}
	return ""
}

// confirm makes sure that nobody was in the group since.
func (u inUse) confirm(ctx context.Context, s movable) error {
	now, err := lookAtUse(ctx, s)
	if err != nil {
		return err
	}
	renewed := slices.ContainsFunc(now.members, func(m store.Member) bool {
		return !slices.ContainsFunc(u.members, func(old store.Member) bool { return old.ID == m.ID && old.LeaseUntil.Equal(m.LeaseUntil) })
	})
	if renewed || now.by() != "" || !slices.Equal(now.heads, u.heads) {
		return errors.New("the group was in use during the export, so the file does not get its end: end what serves it, remove the file and export again, or give --live to export the events alone")
	}
	return nil
}
