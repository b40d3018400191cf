package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/message"
)

// Exit codes. They are part of what scripts rely on.
const (
	exitOK          = 0
	exitFailed      = 1   // something else went wrong, such as reading a file
	exitUsage       = 2   // the command line, or a line of a file, is wrong
	exitDomain      = 3   // the aggregate or the service refused, with a code of its own
	exitInvalid     = 4   // the request cannot be decided on as it is
	exitNotFound    = 5   // there is no such aggregate or service
	exitConflict    = 6   // the aggregate has another version than was expected
	exitNotAllowed  = 7   // the caller may not do this
	exitUnanswered  = 8   // nobody answered in time; trying again with the same id is safe
	exitBroken      = 9   // the service failed, or the aggregate is quarantined
	exitInterrupted = 130 // by a signal, as shells count it
)

const exitCodesHelp = `Every command ends with one of these codes.

  0    it was done, or the message was accepted
  1    something else went wrong, such as reading a file
  2    the command line is wrong, or a line of a file
  3    the aggregate or the service refused, with an error code of its own
  4    the request cannot be decided on: violations, a missing id, broken JSON, too large
  5    there is no such aggregate or service, or it was erased
  6    the aggregate is not at the version that was expected, or exists already
  7    the caller may not do this
  8    nobody answered in time; the same command with the same message id is safe
  9    the service failed, or the aggregate is quarantined
  130  it was interrupted

With --from-file, dispatch ends with 0 if every message was decided, accepted or
not; with --strict only if every one was accepted (else 3).`

// fault is how a command ends that did not succeed.
type fault struct {
	code  int
	text  string // empty: the command has said all there is to say
	cause error
}

func (f *fault) Error() string { return f.text }

func (f *fault) Unwrap() error { return f.cause }

// ExitCode is what the process ends with.
func (f *fault) ExitCode() int { return f.code }

func usage(format string, args ...any) *fault {
	return &fault{code: exitUsage, text: fmt.Sprintf(format, args...)}
}

// exitCode is the code for a response.
func exitCode(r message.Response) int {
	switch r := r.(type) {
	case message.OK, message.Created:
		return exitOK
	case message.DomainError:
		return exitDomain
	case message.ValidationError, message.InvalidRequest, message.MissingID, message.MessageIDReused, message.TooLarge:
		return exitInvalid
	case message.NotFound, message.StreamErased:
		return exitNotFound
	case message.ServiceUnavailable:
		if r.NoSuchService {
			return exitNotFound
		}
		return exitUnanswered
	case message.WrongExpectedVersion:
		return exitConflict
	case message.Unauthorized, message.Forbidden:
		return exitNotAllowed
	case message.ServiceTimeout, message.OutcomeUnknown, message.MailboxFull, message.NoNodesAvailable, message.TryAnotherNode,
		message.NotOwner, message.OutOfOrder:
		return exitUnanswered
	case message.Crashed, message.Quarantined:
		return exitBroken
	}
	return exitFailed
}

// Execute runs the command line until it is done, or a signal ends it, and
// returns the exit code. A second signal ends the process at once.
func Execute(root *cobra.Command) int {
	ctx := root.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if text := strings.TrimSpace(err.Error()); text != "" {
		fmt.Fprintln(root.ErrOrStderr(), text)
	}
	var coded interface{ ExitCode() int }
	switch {
	case errors.As(err, &coded):
		return coded.ExitCode()
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailed
}
