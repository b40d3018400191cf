package handler

import (
	"fmt"
	"runtime/debug"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

// View is what a turn sees of its aggregate.
type View struct {
	State   any             // a *S of the definition; only the turn touches it
	Version message.Version // of the newest event, deletions included
	Exists  bool            // false: never made, or deleted
}

// Verdict is what deciding came to. Without events to store, Response is the
// final answer.
type Verdict struct {
	Response message.Response
	Events   []aggregate.Pending
	// Blocked says that the decision wanted to store something: also in a dry
	// run, where it makes the rollback due, and where a filter left nothing or
	// refused.
	Blocked bool
	// Fatal says that the aggregate has to be loaded anew. If it Blocked as well,
	// what the decision reserved has to be undone first.
	Fatal bool
	// Panic is set if the author's code panicked.
	Panic *PanicError
}

// PanicError is a panic of an author's code, with its stack.
type PanicError struct {
	Where string // "decide", "apply", …
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic in %s: %v", e.Where, e.Value) }

// Response returns the answer to the command that panicked. It does not carry
// the panic's value, which may hold what the caller should not see.
func (e *PanicError) Response() message.Response {
	return message.Crashed{Reason: "the handler panicked in " + e.Where}
}

// Guard runs f and returns its panic, if there is one.
func Guard(where string, f func()) (p *PanicError) {
	defer func() {
		if v := recover(); v != nil {
			p = &PanicError{Where: where, Value: v, Stack: debug.Stack()}
		}
	}()
	f()
	return nil
}

// Decide runs a command, whose message was opened, on its aggregate.
func (b *Binding) Decide(m *message.Message, v View) Verdict {
	m.Aggregate.Version = seenVersion(v)
	if r := b.precondition(m, v); r != nil {
		return Verdict{Response: r}
	}
	var verdict Verdict
	if p := Guard("decide", func() { verdict = b.decide(m, v) }); p != nil {
		return Verdict{Response: p.Response(), Fatal: true, Panic: p}
	}
	return verdict
}

// precondition returns the refusal of a command that does not fit its
// aggregate, or nil.
func (b *Binding) precondition(m *message.Message, v View) message.Response {
	seen := seenVersion(v)
	switch {
	case m.Expected != nil && *m.Expected != seen:
		return message.WrongExpectedVersion{Expected: *m.Expected, Current: seen}
	case b.On == New && v.Exists:
		return message.WrongExpectedVersion{Expected: message.NoVersion, Current: v.Version}
	case b.On == Existing && !v.Exists:
		return message.NotFound{Stream: m.Aggregate.Stream, ID: m.Aggregate.ID}
	}
	return nil
}

func (b *Binding) decide(m *message.Message, v View) Verdict {
	out := b.Command.Decide(m, v.State)
	switch {
	case m.Halted:
		return Verdict{Response: m.Response}
	case out.Response == nil:
		return Verdict{Response: message.Crashed{Reason: "the command returned a decision without a response"}}
	case out.NoBlock:
		return Verdict{Response: withVersion(out.Response, seenVersion(v))}
	}
	events, err := b.Core.Filter(m, out.Events)
	switch {
	case err != nil: // as a save that is known to have failed
		return Verdict{Response: aggregate.ResponseOf(err), Fatal: true, Blocked: true}
	}
	after := v.Version + message.Version(len(events))
	if len(events) == 0 {
		after = seenVersion(v)
	}
	verdict := Verdict{Response: withVersion(out.Response, after), Events: events, Blocked: true}
	if m.DryRun == message.Real {
		return verdict
	}
	if len(events) > 0 { // what could not be stored is refused in a dry run too
		if _, _, refusal := b.Build(m, verdict, "", v.Version, 0); refusal != nil {
			return Verdict{Response: refusal, Blocked: true}
		}
	}
	return dryRun(m, v, out.Response, events)
}

// seenVersion is the version that an answer gives: a deleted aggregate has none.
func seenVersion(v View) message.Version {
	if !v.Exists {
		return message.NoVersion
	}
	return v.Version
}

// dryRun answers what a real run would, with the version as it is; a refusal
// stays one, also if it comes with events.
func dryRun(m *message.Message, v View, response message.Response, events []aggregate.Pending) Verdict {
	verdict := Verdict{Response: response, Blocked: true}
	ok := message.OK{Version: seenVersion(v), HasVersion: true}
	switch r := response.(type) { //nolint:gochecksumtype // only acceptance is answered otherwise
	case message.OK:
		ok.Value = r.Value
	case message.Created:
		ok.Value = r.Value
	default:
		return verdict
	}
	if m.DryRun == message.Verbose {
		for _, e := range events {
			value, err := message.NewValue(e.Value())
			if err != nil {
				return Verdict{Response: message.Crashed{Reason: err.Error()}}
			}
			ok.Events = append(ok.Events, message.Event{Type: e.Type(), Value: value})
		}
	}
	verdict.Response = ok
	return verdict
}

// withVersion adds the version to an acceptance.
func withVersion(r message.Response, v message.Version) message.Response {
	switch r := r.(type) { //nolint:gochecksumtype // only acceptances have a version
	case message.OK:
		r.Version, r.HasVersion = v, true
		return r
	case message.Created:
		r.Version, r.HasVersion = v, true
		return r
	default:
		return r
	}
}
