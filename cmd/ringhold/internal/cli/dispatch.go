package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
)

// dispatchOptions are the flags of dispatch.
type dispatchOptions struct {
	session
	id, correlation, causation string
	dryRun                     dryRunFlag
	timeout                    time.Duration
	timeoutGiven               bool
	expect                     versionFlag
	file                       fileOptions
}

func dispatchCommand() *cobra.Command {
	var o dispatchOptions
	cmd := &cobra.Command{
		Use:   "dispatch SERVICE [JSON|@FILE|-]",
		Short: "Send a message to a service and print its answer",
		Long: `Sends a message to a service and prints what it answered: "ok @3" with the
version that the aggregate has now, "created acc-1 @0", or why not. The answer is
durable when it is printed. Refusals go to the error output, and each kind has an
exit code of its own: "ringhold help exit-codes".

The request is a JSON object: an argument, a file (@FILE) or the standard input
(-). A message has an id. One that is sent again with the same --id is answered
as the first time, and does not run twice.

` + fromFileHelp,
		Example: `  ringhold dispatch open_account '{"id":"acc-1","owner":"Ada"}'
  ringhold dispatch deposit '{"account_id":"acc-1","amount":100}' --id pay-4711
  ringhold dispatch withdraw @withdrawal.json --dry-run=verbose
  ringhold dispatch deposit - --expect 3 -o json < deposit.json
  ringhold dispatch --from-file examples/releases/debian-releases.jsonl.gz`,
		Args:              takes(0, "SERVICE", "JSON"),
		ValidArgsFunction: o.completeService,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.file.path != "" {
				return o.fromFile(cmd, args)
			}
			return o.one(cmd, args)
		},
	}
	o.session.flags(cmd, formatTable)
	f := cmd.Flags()
	f.StringVar(&o.id, "id", "", "message id, the same for every attempt (default a new one)")
	f.StringVar(&o.correlation, "correlation-id", "", "id of the conversation (default the message id)")
	f.StringVar(&o.causation, "causation-id", "", "id of the message that caused this one (default the correlation id)")
	f.Var(&o.dryRun, "dry-run", "ask what would be answered, and store nothing; =verbose prints the events too")
	f.Lookup("dry-run").NoOptDefVal = "true"
	f.DurationVar(&o.timeout, "timeout", client.DefaultTimeout, "how long to wait for the answer, all attempts together")
	f.Var(&o.expect, "expect", "version that the aggregate must have, or nothing runs; -1 is none yet")
	o.file.flags(cmd)
	return cmd
}

// dryRunFlag is the value of --dry-run.
type dryRunFlag struct{ message.DryRun }

// Set reads the flag.
func (f *dryRunFlag) Set(s string) error {
	for _, d := range []message.DryRun{message.Real, message.Dry, message.Verbose} {
		if d.String() == s {
			f.DryRun = d
			return nil
		}
	}
	return errors.New("is neither true nor verbose: write --dry-run or --dry-run=verbose")
}

// Type names the kind of value in help.
func (f *dryRunFlag) Type() string { return "verbose" }

// one sends one message.
func (o *dispatchOptions) one(cmd *cobra.Command, args []string) error {
	if err := o.file.unused(cmd); err != nil {
		return err
	}
	service, body, opts, err := o.message(cmd, args)
	if err != nil {
		return err
	}
	c, err := o.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	result, err := c.Dispatch(cmd.Context(), service, body, opts)
	return o.print(cmd, result, err)
}

// message reads the message from the command line.
func (o *dispatchOptions) message(cmd *cobra.Command, args []string) (service message.ServiceName, body any, opts client.DispatchOptions, err error) {
	if len(args) == 0 {
		return "", nil, opts, usage("%s needs a SERVICE, or --from-file; for example:\n%s", cmd.CommandPath(), firstExample(cmd))
	}
	service = message.ServiceName(args[0])
	if err := service.Validate(); err != nil {
		return "", nil, opts, usage("SERVICE: %v", err)
	}
	opts = client.DispatchOptions{
		MessageID: message.ID(o.id), CorrelationID: message.ID(o.correlation), CausationID: message.ID(o.causation),
		Timeout: o.timeout, DryRun: o.dryRun.DryRun,
	}
	if o.timeout <= 0 {
		return "", nil, opts, usage("--timeout is %v: it has to be more than nothing, such as 5s", o.timeout)
	}
	for flag, id := range map[string]message.ID{
		"id": opts.MessageID, "correlation-id": opts.CorrelationID, "causation-id": opts.CausationID,
	} {
		if err := checkID(cmd, flag, id); err != nil {
			return "", nil, opts, err
		}
	}
	opts.ExpectedVersion = o.expect.given
	if len(args) > 1 {
		body, err = readRequest(cmd, args[1])
	}
	return service, body, opts, err
}

// readRequest reads a request from an argument, a file or the standard input.
// What cannot be one is refused here, in the words of the server.
func readRequest(cmd *cobra.Command, arg string) (any, error) {
	from, b := "", []byte(arg)
	var err error
	switch {
	case arg == "-":
		from = "the standard input: "
		b, err = io.ReadAll(cmd.InOrStdin())
	case strings.HasPrefix(arg, "@"):
		from = strings.TrimPrefix(arg, "@") + ": "
		b, err = os.ReadFile(strings.TrimPrefix(arg, "@"))
	}
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	body, err := message.JSONBody(b)
	if err != nil {
		text := fmt.Sprintf("invalid request: %s%v", from, err)
		if from == "" {
			text += "\n  it arrived as: " + clip(arg)
		}
		return nil, &fault{code: exitInvalid, text: text, cause: err}
	}
	if body.IsZero() {
		return nil, nil
	}
	return json.RawMessage(body.JSON()), nil
}

func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// print prints how a message ended. As JSON a refusal goes to the output too.
func (o *dispatchOptions) print(cmd *cobra.Command, result client.Result, err error) error {
	var refused *client.Error
	if err != nil && (!errors.As(err, &refused) || errors.Is(err, context.Canceled)) {
		return failed(err)
	}
	out := cmd.OutOrStdout()
	switch {
	case o.output == formatJSON:
		if err := jsonLine(out, document(result, refused)); err != nil {
			return err
		}
	case refused == nil:
		fmt.Fprintln(out, acceptedText(result.Response))
		printEvents(out, emitted(result))
	}
	if refused == nil {
		return nil
	}
	f := &fault{code: exitCode(refused.Response()), cause: err}
	if o.output == formatTable {
		f.text = refusalText(refused.Response(), refused.MessageID)
		printEvents(out, refused.Events)
	}
	return f
}

// printEvents prints the events of a verbose dry run.
func printEvents(w io.Writer, events []message.Event) {
	for _, e := range events {
		fmt.Fprintln(w, strings.TrimRight("  "+e.Type+" "+oneLine(e.Value), " "))
	}
}
