package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/ringhold/ringhold/client"
)

// report prints the summary and says how the command ends.
func (r *fileRun) report(ctx context.Context) error {
	t := r.tally.totals()
	var err error
	if r.o.output == formatJSON {
		err = jsonLine(r.out, r.summaryJSON(t))
	} else {
		err = r.summary(t)
	}
	if err != nil {
		return err
	}
	return r.ending(ctx, t)
}

func (r *fileRun) summary(t totals) error {
	missing := ""
	if t.missing > 0 {
		missing = fmt.Sprintf(", %d without an answer", t.missing)
	}
	_, err := fmt.Fprintf(r.out, "%d messages in %s (%.0f/s): %d accepted, %d refused, %d failed%s\n",
		t.messages, round(t.took), t.perSecond(), t.accepted, t.refused, t.failed, missing)
	for _, k := range t.sorted() {
		fmt.Fprintf(r.out, "%8d  %s\n", t.kinds[k], strings.TrimSpace(k.outcome+" "+k.code))
	}
	return err
}

// round leaves of a duration what a person reads.
func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}

type summaryJSON struct {
	Messages  int            `json:"messages"`
	Accepted  int            `json:"accepted"`
	Refused   int            `json:"refused"`
	Failed    int            `json:"failed"`
	Missing   int            `json:"without_answer,omitempty"`
	Overtaken int            `json:"overtaken,omitempty"`
	Broken    int            `json:"broken_lines,omitempty"`
	Responses map[string]int `json:"responses"`
	Errors    map[string]int `json:"errors,omitempty"` // domain refusals, by their codes
	Seconds   float64        `json:"seconds"`
	PerSecond float64        `json:"per_second"`
}

func (r *fileRun) summaryJSON(t totals) summaryJSON {
	const thousandths = 1000
	out := summaryJSON{
		Messages: t.messages, Accepted: t.accepted, Refused: t.refused, Failed: t.failed, Missing: t.missing, Overtaken: t.overtaken,
		Broken: len(r.broken), Responses: map[string]int{}, Errors: map[string]int{},
		Seconds: math.Round(t.took.Seconds()*thousandths) / thousandths, PerSecond: math.Round(t.perSecond()),
	}
	for k, n := range t.kinds {
		out.Responses[k.outcome] += n
		if k.code != "" {
			out.Errors[k.code] += n
		}
	}
	return out
}

// ending is how the command ends: the worst of what happened.
func (r *fileRun) ending(ctx context.Context, t totals) error {
	var texts []string
	code := exitOK
	worse := func(c int, format string, args ...any) {
		if code == exitOK {
			code = c
		}
		texts = append(texts, fmt.Sprintf(format, args...))
	}
	if ctx.Err() != nil {
		worse(exitInterrupted, "interrupted; with message ids in the file, sending it again is safe")
	}
	if r.sendError != nil && ctx.Err() == nil {
		worse(exitUnanswered, "%s: nothing behind line %d was sent", sendFault(r.sendError), r.lines.number-1)
	}
	if t.failed > 0 {
		fate := "nobody decided them"
		if t.worst == exitUnanswered { // what was not confirmed in time may be stored
			fate = "some may be decided all the same; with message ids in the file, sending it again is safe, and tells"
		}
		worse(t.worst, "%d messages failed: %s", t.failed, fate)
	}
	switch {
	case len(r.broken) == 0:
	case r.o.file.keepGoing:
		worse(exitUsage, "%d broken lines were left out, the first: %v", len(r.broken), r.broken[0])
	default:
		worse(exitUsage, "%v\nnothing behind it was sent (--keep-going leaves broken lines out)", r.broken[0])
	}
	if t.overtaken > 0 {
		texts = append(texts, fmt.Sprintf(
			"warning: %d messages ran behind a later one of their aggregate, since the server turned them away first; --in-flight-per-id 1 prevents that", t.overtaken))
	}
	if r.o.file.strict && t.refused > 0 {
		worse(exitDomain, "%d messages were refused (--strict)", t.refused)
	}
	text := strings.Join(texts, "\n")
	if code == exitOK {
		if text != "" {
			r.progress.note("%s", text)
		}
		return nil
	}
	return &fault{code: code, text: text}
}

// sendFault says why sending ended.
func sendFault(err error) string {
	if errors.Is(err, client.ErrGaveUp) {
		return "gave up, " + err.Error()
	}
	return err.Error()
}

// reasonOf is what is worth telling of why a stream waits.
func reasonOf(err error) string {
	if text := shortReason(grpcText(err)); text != "" {
		return " (" + text + ")"
	}
	return ""
}
