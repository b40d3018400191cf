package aggregatetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
)

// event is an event as it is compared and shown.
type event struct {
	Name  string
	Value any
}

func listed(events []aggregate.Pending) []event {
	out := make([]event, len(events))
	for i, e := range events {
		out[i] = event{e.Type(), e.Value()}
	}
	return out
}

// describe tells the scenario with what came of it.
func (r *Result[S]) describe() string {
	var b strings.Builder
	h, m := r.scenario.history, r.outcome.message
	fmt.Fprintf(&b, "scenario of %s\n", m.Aggregate.Stream.Of(m.Aggregate.ID))
	label := "given"
	for _, e := range h.events {
		fmt.Fprintf(&b, "  %-6s %s %s\n", label, e.pending.Type(), describePayload(e.payload))
		label = ""
	}
	fmt.Fprintf(&b, "  %-6s %s at version %d\n", label, describeState(h.core, r.before), r.scenario.version)
	fmt.Fprintf(&b, "  %-6s %s %s\n", "when", r.command, describeBody(r.raw))
	label = "then"
	for _, e := range r.outcome.events {
		p, err := e.Encode()
		if err != nil {
			continue
		}
		fmt.Fprintf(&b, "  %-6s %s %s\n", label, e.Type(), describePayload(p))
		label = ""
	}
	fmt.Fprintf(&b, "  %-6s %s\n", label, describeResponse(r.outcome.response))
	fmt.Fprintf(&b, "  %-6s %s at version %d", "", describeState(h.core, r.after), r.version)
	return b.String()
}

func describePayload(p aggregate.Payload) string {
	if p.Proto {
		return fmt.Sprintf("%x (protobuf)", p.Data)
	}
	return string(p.Data)
}

func describeState(core *aggregate.Core, state any) string {
	p, err := core.EncodeState(state)
	if err != nil {
		return fmt.Sprintf("%+v", state)
	}
	return "state " + describePayload(p)
}

func describeBody(b message.Body) string {
	switch {
	case b.IsZero():
		return "without a request"
	case b.Any() != nil:
		return fmt.Sprintf("%s %x", b.Any().MessageName(), b.Any().GetValue())
	}
	var compact bytes.Buffer
	if json.Compact(&compact, b.JSON()) != nil {
		return string(b.JSON())
	}
	return compact.String()
}

func describeResponse(r message.Response) string {
	withValue := func(text string, v message.Value) string {
		if raw, err := v.AsJSON(); err == nil && raw != nil {
			return text + " " + string(raw)
		}
		return text
	}
	switch r := r.(type) { //nolint:gochecksumtype // the others are shown as they are
	case message.OK:
		return withValue("ok", r.Value)
	case message.Created:
		return withValue("created "+string(r.ID), r.Value)
	case message.DomainError:
		return withValue("error "+r.Code, r.Detail)
	case message.ValidationError:
		return "invalid: " + r.Violations.String()
	default:
		return fmt.Sprintf("%s %+v", r.Outcome(), r)
	}
}
