package cli

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
)

const fromFileHelp = `With --from-file, many messages are sent: JSON lines, plain or compressed with gzip,
from a file or the standard input (-). A line is a message:

  {"service":"deposit","id":"pay-4711","raw_request":{"account_id":"acc-1","amount":100}}

and may have expected_version, correlation_id, causation_id and log_attributes.
SERVICE, if given, is that of lines that name none. Without an id a line gets a
new one; with ids, the whole file can be sent again, and nothing runs twice.

Messages are sent without waiting for each answer; those of one aggregate run in
the order of the file: each is sent when the one before it is answered. If the
server goes away, what has no answer is sent again for --retry-for, with the same
ids. In the end the answers are counted. A refusal by an aggregate is an answer:
the command fails only if a message was not decided (nobody answered in time, no
such service, not allowed, a failure), or, with --strict, not accepted.

A broken line ends the sending: it is named, nothing behind it is sent, and what
stands before it gets its answers. With --keep-going it is named and left out.`

// maxTimeout is the most that servers let one attempt take.
const maxTimeout = 5 * time.Minute

// fileOptions are the flags of dispatch that go with --from-file.
type fileOptions struct {
	path      string
	strict    bool
	keepGoing bool
	quiet     bool
	retryFor  time.Duration
	inFlight  int
	perID     int
	answers   string
}

// fileFlags are the names of the flags that need --from-file.
var fileFlags = []string{"strict", "keep-going", "quiet", "retry-for", "in-flight", "in-flight-per-id", "answers"}

func (o *fileOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.path, "from-file", "", "send the messages of a file of JSON lines, - for the standard input")
	f.BoolVar(&o.strict, "strict", false, "with --from-file: fail unless every message was accepted")
	f.BoolVar(&o.keepGoing, "keep-going", false, "with --from-file: leave broken lines out and go on")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "with --from-file: show no progress")
	f.DurationVar(&o.retryFor, "retry-for", client.DefaultRetryFor, "with --from-file: how long to try again while nothing answers")
	f.IntVar(&o.inFlight, "in-flight", client.DefaultWindow, "with --from-file: how many messages may wait for their answers")
	f.IntVar(&o.perID, "in-flight-per-id", client.DefaultPerKey, "with --from-file: how many of them for one aggregate; more is faster for one id, but where the server turns messages away (mailbox full), later ones may overtake")
	f.StringVar(&o.answers, "answers", "", "with --from-file: write each answer to a file, as a JSON line; - for the standard output")
}

// unused complains about flags that say nothing without --from-file.
func (o *fileOptions) unused(cmd *cobra.Command) error {
	for _, name := range fileFlags {
		if cmd.Flags().Changed(name) {
			return usage("--%s goes with --from-file only", name)
		}
	}
	return nil
}

func (o *fileOptions) check() error {
	switch {
	case o.retryFor <= 0:
		return usage("--retry-for is %v: it has to be more than nothing, such as 1m", o.retryFor)
	case o.inFlight <= 0 || o.perID <= 0:
		return usage("--in-flight is %d and --in-flight-per-id %d: both have to be 1 or more", o.inFlight, o.perID)
	}
	return nil
}

// fromFile sends the messages of a file.
func (o *dispatchOptions) fromFile(cmd *cobra.Command, args []string) error {
	if err := o.file.check(); err != nil {
		return err
	}
	for _, name := range []string{"id", "expect", "correlation-id", "causation-id"} {
		if cmd.Flags().Changed(name) {
			return usage("--%s is for one message: with --from-file each line has its own", name)
		}
	}
	o.timeoutGiven = cmd.Flags().Changed("timeout")
	if len(args) > 1 {
		return usage("--from-file takes no request beside SERVICE, but there is %q", args[1])
	}
	in, err := openInput(cmd, o.file.path)
	if err != nil {
		return err
	}
	defer func() { _ = in.close() }()
	r, err := newFileRun(cmd, o, args, in)
	if err != nil {
		return err
	}
	return r.run(cmd.Context())
}

// fileRun sends the messages of one file.
type fileRun struct {
	o        *dispatchOptions
	service  message.ServiceName // of lines that name none
	lines    *lineReader
	answers  *answerFile
	tally    *tally
	progress *progress
	waits    *waitTeller
	out      io.Writer

	// Of the sender's goroutine, read once it has ended.
	broken    []error // lines that are no messages
	sendError error   // why sending ended before the file did
}

func newFileRun(cmd *cobra.Command, o *dispatchOptions, args []string, in *input) (*fileRun, error) {
	counted := &countingReader{r: in.Reader}
	lines, err := newLineReader(counted)
	if err != nil {
		return nil, usage("--from-file %s: %v", o.file.path, err)
	}
	r := &fileRun{o: o, lines: lines, tally: newTally(), out: cmd.OutOrStdout()}
	if len(args) > 0 {
		r.service = message.ServiceName(args[0])
		if err := r.service.Validate(); err != nil {
			return nil, usage("SERVICE: %v", err)
		}
	}
	if r.answers, err = newAnswerFile(o.file.answers, in, r.out); err != nil {
		return nil, err
	}
	r.progress = newProgress(cmd.ErrOrStderr(), o.file.quiet, counted, in.size, r.tally)
	r.waits = &waitTeller{server: o.server, retryFor: o.file.retryFor, quiet: o.file.quiet, note: r.progress.note}
	return r, nil
}

func (r *fileRun) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, r.answers.close()) }()
	c, err := r.o.open(client.Config{})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	keys, err := r.await(ctx, c)
	if err != nil {
		return err
	}
	r.tally.begin()
	r.progress.start()
	err = r.send(ctx, c, keys)
	r.progress.stop()
	if err == nil {
		err = r.answers.flush() // the summary stands behind the answers
	}
	if err != nil {
		return err
	}
	return r.report(ctx)
}

// await waits until a server answers, and returns how aggregates are found in
// requests.
func (r *fileRun) await(ctx context.Context, c *client.Client) (keys, error) {
	ping, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := c.Ping(ping); err != nil && ctx.Err() == nil {
		r.progress.note("nothing answers at %s yet%s: trying for %v (--retry-for)", r.o.server, because(err), r.o.file.retryFor)
	}
	asking, cancel := context.WithTimeout(ctx, r.o.file.retryFor)
	defer cancel()
	services, err := c.Services(asking, client.ServicesOptions{})
	var refused *client.Error
	switch {
	case err == nil:
		return newKeys(services), nil
	case ctx.Err() != nil:
		return nil, &fault{code: exitInterrupted, text: "interrupted; nothing was sent", cause: ctx.Err()}
	case errors.As(err, &refused) && exitCode(refused.Response()) == exitUnanswered:
		return nil, r.o.silence(err)
	}
	return nil, nil // the messages themselves will tell
}

// send sends the lines and takes the answers, until there are no more.
func (r *fileRun) send(ctx context.Context, c *client.Client, keys keys) error {
	stream, err := c.Stream(ctx, client.StreamConfig{
		Window: r.o.file.inFlight, PerKey: r.o.file.perID, RetryFor: r.o.file.retryFor,
		Timeout: min(r.o.file.retryFor, maxTimeout), OnTrouble: r.waits.trouble,
	})
	if err != nil {
		return err
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		defer stream.CloseSend()
		r.sendLines(ctx, stream, keys)
	}()
	for a := range stream.Answers() {
		if err := r.take(a); err != nil {
			_ = stream.Close()
			<-sent
			return err
		}
	}
	<-sent
	r.tally.finish()
	return nil
}

func (r *fileRun) sendLines(ctx context.Context, stream *client.Stream, keys keys) {
	for {
		line, err := r.lines.next()
		if errors.Is(err, io.EOF) {
			return
		}
		var item client.Item
		if err == nil {
			item, err = r.item(line, keys)
		}
		if err != nil {
			r.broken = append(r.broken, err)
			if r.o.file.keepGoing && !r.lines.ended() {
				r.progress.note("left out: %v", err)
				continue
			}
			return
		}
		if !r.sendItem(ctx, stream, item) {
			return
		}
	}
}

// sendItem returns false if nothing more can be sent.
func (r *fileRun) sendItem(ctx context.Context, stream *client.Stream, item client.Item) bool {
	r.tally.sending()
	err := stream.Send(ctx, item)
	var refused *client.Error
	switch {
	case err == nil:
		return true
	case errors.As(err, &refused) && exitCode(refused.Response()) == exitInvalid: // too large to leave
		r.sendError = errors.Join(r.sendError, r.take(client.Answer{Item: item, Err: err}))
		return r.sendError == nil
	}
	r.tally.unsent()
	r.sendError = err
	return false
}

func (r *fileRun) item(line line, keys keys) (client.Item, error) {
	item, err := line.item(r.service, keys)
	item.Options.DryRun = r.o.dryRun.DryRun
	if r.o.timeoutGiven {
		item.Options.Timeout = r.o.timeout
	}
	return item, err
}

// take counts an answer.
func (r *fileRun) take(a client.Answer) error {
	var refused *client.Error
	if a.Err != nil && !errors.As(a.Err, &refused) {
		return a.Err
	}
	r.tally.count(a, refused)
	if refused != nil && !decided(refused.Response()) {
		r.progress.failed(a.Item.Tag.(int), refusalText(refused.Response(), ""))
	}
	return r.answers.write(a, refused)
}
