package aggregatetest

import (
	"encoding/json"
	"fmt"
	"reflect"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

// When runs a command: authorize, read the request, validate, decide, filter
// the events, apply them. The request is a value of the command's type, or what
// a caller could send: raw JSON as a string, bytes or json.RawMessage, a map, a
// protobuf message, or nil for none.
func (s *Scenario[S]) When(command string, request any) *Result[S] {
	s.t.Helper()
	s.ran = true
	core := s.history.core
	cmd := core.Command(command)
	if cmd == nil {
		s.t.Fatalf("the aggregates of %s have no command %q, they have %q", core.Stream, command, names(core))
	}
	raw, err := bodyOf(request)
	if err != nil {
		s.t.Fatalf("command %q cannot be sent: %v", command, err)
	}
	r := &Result[S]{scenario: s, command: command, raw: raw, before: s.history.state()}
	r.decide(cmd)
	r.requestSurvives(request)
	r.store()
	return r
}

// decide runs the command on the state, several times, and checks that it is
// always decided in the same way and leaves the state alone.
func (r *Result[S]) decide(cmd *aggregate.CommandCore) {
	h := r.scenario.history
	h.t.Helper()
	first := r.once(cmd, h.replay())
	for i := 0; !h.unsound && i < repeats; i++ {
		state := h.replay()
		again := r.once(cmd, state)
		if diff := difference(first.comparable(), again.comparable()); diff != "" {
			h.fault("decisions on equal states differ, so they depend on something else: a clock, chance, the order of a map (- one, + another):\n%s", diff)
		} else if diff := difference(h.replay(), state); diff != "" {
			h.fault("command %q changed the state, which only apply may do (- before, + after):\n%s", r.command, diff)
		}
	}
	if crash, ok := first.response.(message.Crashed); ok {
		h.fault("command %q crashes: %s", r.command, crash.Reason)
	}
	r.outcome = first
}

// outcome is what one run of a command comes to.
type outcome struct {
	message  *message.Message
	request  any
	events   []aggregate.Pending
	response message.Response
}

// comparable holds of an outcome what can be compared with another's.
func (o outcome) comparable() any {
	return struct {
		Events   []event
		Response message.Response
	}{listed(o.events), withoutRequest(o.response)}
}

// once runs the command as a host does.
func (r *Result[S]) once(cmd *aggregate.CommandCore, state any) outcome {
	core := r.scenario.history.core
	m := r.scenario.newMessage(r.command, r.raw)
	if refused := core.Authorize(m); refused != nil {
		return outcome{message: m, response: refused}
	}
	if cmd.Read(m); m.Halted {
		return outcome{message: m, response: m.Response}
	}
	decided := cmd.Decide(m, state)
	out := outcome{message: m, request: m.Request, response: decided.Response}
	if m.Halted {
		out.response = m.Response
		return out
	}
	if decided.NoBlock {
		return out
	}
	events, err := core.Filter(m, decided.Events)
	if err != nil {
		out.response = aggregate.ResponseOf(err)
		return out
	}
	out.events = events
	return out
}

// store adds the events, and finds the state and the version behind them.
func (r *Result[S]) store() {
	h := r.scenario.history
	h.t.Helper()
	after := h.with(r.outcome.events)
	r.after, r.version = after.state(), r.scenario.version+message.Version(len(r.outcome.events))
	if r.outcome.message.DryRun != message.Real {
		r.after, r.version = h.replay(), r.scenario.version
	}
}

// requestSurvives checks that a typed request is read as it was given.
func (r *Result[S]) requestSurvives(request any) {
	h := r.scenario.history
	h.t.Helper()
	got := r.outcome.request
	if reflect.TypeOf(got) != reflect.TypeOf(request) {
		return
	}
	if diff := difference(request, got); diff != "" {
		h.fault("the request of command %q is not read as it was sent (- sent, + read):\n%s", r.command, diff)
	}
}

func names(core *aggregate.Core) []string {
	var out []string
	for _, c := range core.Commands() {
		out = append(out, c.Name)
	}
	return out
}

// bodyOf encodes a request as a caller would send it.
func bodyOf(request any) (message.Body, error) {
	switch v := request.(type) {
	case nil:
		return message.Body{}, nil
	case message.Body:
		return v, nil
	case string:
		return message.JSONBody([]byte(v))
	case []byte:
		return message.JSONBody(append([]byte(nil), v...))
	case json.RawMessage:
		return message.JSONBody(append([]byte(nil), v...))
	case proto.Message:
		a := new(anypb.Any)
		if err := anypb.MarshalFrom(a, v, proto.MarshalOptions{Deterministic: true}); err != nil {
			return message.Body{}, err
		}
		return message.ProtoBody(a), nil
	}
	b, err := json.Marshal(request)
	if err != nil {
		return message.Body{}, fmt.Errorf("a %T is no request: %w", request, err)
	}
	return message.JSONBody(b)
}
