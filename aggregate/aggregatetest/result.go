package aggregatetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

// Result is what came of a command. Its methods say what is expected; each
// returns it, so that they can be chained.
type Result[S any] struct {
	scenario      *Scenario[S]
	command       string
	raw           message.Body
	outcome       outcome
	before, after any
	version       message.Version
}

// Then expects exactly these events to be stored, in their order; without any,
// none. FilterEvents has been asked.
func (r *Result[S]) Then(events ...aggregate.Emitted[S]) *Result[S] {
	r.t().Helper()
	r.expect("the events are", listed(pending(events)), listed(r.outcome.events))
	return r
}

// OK expects the command to be accepted, with this value, or with none.
func (r *Result[S]) OK(value ...any) *Result[S] {
	r.t().Helper()
	return r.Answer(message.OK{Value: r.value(value)})
}

// Created expects the answer that the aggregate was made, with this value, or
// with none.
func (r *Result[S]) Created(value ...any) *Result[S] {
	r.t().Helper()
	return r.Answer(message.Created{ID: r.outcome.message.Aggregate.ID, Value: r.value(value)})
}

// Error expects a refusal with a code, and with this detail, or with none.
func (r *Result[S]) Error(code string, detail ...any) *Result[S] {
	r.t().Helper()
	return r.Answer(message.DomainError{Code: code, Detail: r.value(detail)})
}

// Invalid expects the request to be invalid, with exactly these faults, in any
// order. A fault is the path of a field, or path, ": " and the message.
func (r *Result[S]) Invalid(faults ...string) *Result[S] {
	r.t().Helper()
	invalid, ok := r.outcome.response.(message.ValidationError)
	if !ok {
		return r.Answer(message.ValidationError{Violations: violationsOf(faults)})
	}
	got := make([]string, len(invalid.Violations))
	for i, v := range invalid.Violations {
		got[i] = v.Path + ": " + v.Message
		if slices.Contains(faults, v.Path) {
			got[i] = v.Path
		}
	}
	want := slices.Clone(faults)
	slices.Sort(want)
	slices.Sort(got)
	r.expect("the faults of the request are", want, got)
	return r
}

// Answer expects a response. A request in a ValidationError is not compared.
func (r *Result[S]) Answer(want message.Response) *Result[S] {
	r.t().Helper()
	r.expect("the answer is", withoutRequest(want), withoutRequest(r.outcome.response))
	return r
}

// Version expects the aggregate's version after the command.
func (r *Result[S]) Version(want message.Version) *Result[S] {
	r.t().Helper()
	r.expect("the version is", want, r.version)
	return r
}

// State expects the state after the command to be deeply equal to want.
func (r *Result[S]) State(want S) *Result[S] {
	r.t().Helper()
	r.expect("the state is", &want, r.after)
	return r
}

// StateWhere lets a function check the state after the command. It reports what
// it finds to the test itself.
func (r *Result[S]) StateWhere(check func(s S)) *Result[S] {
	r.scenario.expects = true
	check(*r.after.(*S))
	return r
}

func (r *Result[S]) t() testing.TB { return r.scenario.t }

// expect reports a difference, with the whole scenario.
func (r *Result[S]) expect(what string, want, got any) {
	r.t().Helper()
	r.scenario.expects = true
	if diff := difference(want, got); diff != "" {
		r.t().Errorf("%s not as expected (- expected, + got):\n%s\n%s", what, diff, r.describe())
	}
}

func (r *Result[S]) value(given []any) message.Value {
	r.t().Helper()
	if len(given) == 0 {
		return message.Value{}
	}
	v, err := message.NewValue(given[0])
	if err != nil {
		r.t().Fatalf("the expected value: %v", err)
	}
	return v
}

func violationsOf(faults []string) message.Violations {
	var out message.Violations
	for _, f := range faults {
		path, text, _ := strings.Cut(f, ": ")
		out.Add(path, text)
	}
	return out
}

func withoutRequest(r message.Response) message.Response {
	if invalid, ok := r.(message.ValidationError); ok {
		invalid.Request = nil
		return invalid
	}
	return r
}
