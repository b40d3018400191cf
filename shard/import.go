package shard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/shard/internal/lease"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/transfer"
)

// Forms of a file to import.
const (
	fromExport = "export"
	fromLines  = "lines"
)

// importOptions are the flags of import.
type importOptions struct {
	transferOptions
	in     string
	from   string
	slots  int
	dryRun bool
	// unknown lets streams and events in that nobody could read.
	unknown bool
	discard bool
	binary  Binary
}

func importCommand(b Binary) *cobra.Command {
	o := importOptions{binary: b}
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Store a file that ringhold export wrote, or events of another event store",
		Long: `Stores a file that ringhold export wrote in an empty group, and reads it back: the
hash of the log is that of the file, or it says so. A file is looked at as a whole
before anything of it is stored.

An import that was broken off goes on when the same command is given again: what is
there already is compared, not stored twice. Until it has come to its end, the group
is not served. --discard removes what it stored, and only such a group.

With --from lines it takes events of another event store, one JSON object a line:

  {"stream":"accounts-acc-1","type":"opened","data":{"owner":"Ada"}}

and may have id (then stream is the name alone), metadata, message_id, recorded_at,
schema_version, and data_bytes (base64) with encoding 1 for protobuf. The order of
the lines is the order of the events. docs/moving-data.md has examples.`,
		Example: `  ringhold import -f examples/bank/aggregateservice.yaml -i bank.jsonl.gz --dry-run
  ringhold import -f examples/bank/aggregateservice.yaml -i bank.jsonl.gz --store postgres://me@db/app
  ringhold import --group default.bank --store sqlite:bank.db -i bank.jsonl.gz
  ringhold import -f aggregateservice.yaml --from lines -i events.jsonl
  ringhold import -f aggregateservice.yaml --discard`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.flags(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.in, "input", "i", "-", "file to read, plain or compressed with gzip, - for the standard input")
	f.StringVar(&o.from, "from", fromExport, "what the file is: export, or lines of another event store")
	f.IntVar(&o.slots, "slots", 0, "with --from lines and --group: how many slots the group gets")
	f.BoolVar(&o.dryRun, "dry-run", false, "look at the whole file and store nothing")
	f.BoolVar(&o.unknown, "allow-unknown", false, "take streams that the manifest, and events that the binary, does not know")
	f.BoolVar(&o.discard, "discard", false, "remove what an import stored that did not come to its end")
	return cmd
}

func (o *importOptions) run(cmd *cobra.Command) error {
	if o.discard {
		return o.runDiscard(cmd)
	}
	if o.from != fromExport && o.from != fromLines {
		return usagef("--from: %q is neither export nor lines", o.from)
	}
	if o.slots != 0 {
		if err := ring.ValidateSlots(o.slots); err != nil || o.from != fromLines || o.group == "" || cmd.Flags().Changed("file") {
			return usagef("--slots goes with --from lines and --group, and is a power of two: a manifest and an export say it themselves")
		}
	}
	var p place
	if !o.dryRun || cmd.Flags().Changed("file") || o.from == fromLines && o.slots == 0 {
		var err error
		if p, err = o.resolve(cmd); err != nil {
			return err
		}
	}
	if o.slots != 0 {
		p.slots = o.slots
	}
	if o.from == fromLines && p.slots == 0 {
		return usagef("--from lines needs the number of slots: give -f with the manifest, or --slots")
	}
	in, again, err := o.open(cmd.InOrStdin())
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	if again != nil || o.dryRun {
		if err := o.check(cmd, p, in); err != nil || o.dryRun {
			return err
		}
		if err := again(); err != nil {
			return err
		}
	}
	return o.store(cmd, p, in)
}

// open opens the file; again goes back to its beginning, nil if that cannot be.
func (o *importOptions) open(stdin io.Reader) (in io.ReadCloser, again func() error, err error) {
	if o.in == "-" {
		return io.NopCloser(stdin), nil, nil
	}
	f, err := os.Open(o.in)
	if err != nil {
		return nil, nil, usagef("--input: %w", err)
	}
	if s, err := f.Stat(); err == nil && s.Mode().IsRegular() {
		again = func() error { _, err := f.Seek(0, io.SeekStart); return err }
	}
	return f, again, nil
}

// check looks at the whole file.
func (o *importOptions) check(cmd *cobra.Command, p place, in io.Reader) error {
	update, stop := showProgress(cmd.ErrOrStderr(), "checked", o.quiet)
	var sum transfer.Summary
	var err error
	if o.from == fromLines {
		sum.Events, _, err = transfer.CheckLines(in, p.slots, o.expect(p, time.Now()), update)
	} else if sum, err = transfer.Check(in, o.expect(p, time.Now()), update); err == nil && p.group != "" {
		err = o.config(p).Accepts(sum.Group, sum.Slots)
	}
	stop()
	if err != nil || !o.dryRun {
		return fileFault(o.in, err)
	}
	out := cmd.OutOrStdout()
	if o.from == fromLines {
		_, err = fmt.Fprintf(out, "the file is right: %d events\n", sum.Events)
	} else {
		_, err = fmt.Fprintf(out, "the file is right: %s of group %s with %d slots\nlog %s\n", summaryText(sum), sum.Group, sum.Slots, sum.Log)
	}
	return err
}

func (o *importOptions) config(p place) transfer.ImportConfig {
	return transfer.ImportConfig{Group: p.group, Rename: o.group != "", Slots: p.slots}
}

func (o *importOptions) store(cmd *cobra.Command, p place, in io.Reader) (err error) {
	ctx := cmd.Context()
	made := p.makesFile()
	s, err := p.open(ctx, "import", true)
	if err != nil {
		return err
	}
	defer func() { err = closeImport(ctx, s, made, err) }()
	m, err := joinToImport(ctx, p, s, cmd.ErrOrStderr())
	if err != nil {
		return explainStore(err)
	}
	defer func() { err = errors.Join(err, m.leave(ctx)) }()
	update, stop := showProgress(cmd.ErrOrStderr(), "imported", o.quiet)
	cfg := o.config(p)
	cfg.Progress, cfg.Expect = update, o.expect(p, m.target.Now)
	var done transfer.Imported
	if o.from == fromLines {
		done, err = transfer.ImportLines(ctx, m.target, in, cfg)
	} else {
		done, err = transfer.Import(ctx, m.target, in, cfg)
	}
	stop()
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted; the same command goes on: %w", err)
		}
		return fileFault(o.in, explainStore(err))
	}
	if p.service != nil && isPostgres(p.address) {
		if err := makeViews(ctx, p.address, s, p.service); err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "the views of the streams are not made, which only people miss: %v\n", explainStore(err))
		}
	}
	return o.report(cmd.OutOrStdout(), p, done)
}

func (o *importOptions) report(out io.Writer, p place, done transfer.Imported) error {
	text := fmt.Sprintf("imported %s into group %s", summaryText(done.Summary), p.group)
	if done.Present > 0 {
		text += fmt.Sprintf(", of which %d events were there already", done.Present)
	}
	if done.Lifted > 0 {
		text += fmt.Sprintf("\n%d events were recorded before the one in front of them in their slot, and got its time", done.Lifted)
	}
	_, err := fmt.Fprintf(out, "%s\nlog %s\n", text, done.Log)
	return err
}

// importMember is the member as which an import writes: the only one of its
// group that lives, as a start of a service would be.
type importMember struct {
	local  *Local
	store  store.Store
	target transfer.Target
}

// joinToImport joins once nobody else can write. What the take-over of a start
// proves is what an import needs: a process that serves the group is refused
// while this one lives, and this one while that one does.
func joinToImport(ctx context.Context, p place, s movable, say io.Writer) (_ *importMember, err error) {
	life := uuid.Must(uuid.NewV7()).String()
	m := &importMember{store: s, local: &Local{life: life[len(life)-12:], cfg: LocalConfig{
		Store: s, Plan: &Plan{Group: p.group}, Members: 1, Logger: slog.New(slog.NewTextHandler(say, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Shared: isPostgres(p.address), Process: selfDescription("import"), Say: func(line string) { fmt.Fprintln(say, line) },
	}}}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.leave(ctx))
		}
	}()
	joined, _, err := m.local.enter(ctx)
	if err != nil {
		return nil, err
	}
	m.target = transfer.Target{Store: s, Member: joined[0].ID, Gen: 1}
	r, err := s.Renew(ctx, m.target.Member, lease.Length, false)
	if err != nil {
		return nil, err
	}
	m.target.Now = r.Now
	if m.target.Writer, err = s.Writer(ctx, m.target.Member, m.target.ID); err != nil {
		return nil, err
	}
	return m, m.target.Writer.Raise(ctx, m.target.Gen)
}

// leave signs the member off, so that a start has nobody to wait for.
func (m *importMember) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	var faults []error
	if m.target.Writer != nil {
		faults = append(faults, m.target.Writer.Close())
	}
	if m.local.keeper != nil {
		faults = append(faults, m.local.unlessTakenOver(m.local.keeper.signOff(ctx)))
	} else if m.target.Member != "" {
		_, err := m.store.Depose(ctx, store.Depose{Member: m.target.Member, Alone: true})
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}
