package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ringhold/ringhold/client"
	"github.com/ringhold/ringhold/message"
)

// acceptedText is a success on one line: "created acc-1 @0", "ok @3 {…}".
func acceptedText(r message.Response) string {
	var parts []string
	switch r := r.(type) { //nolint:gochecksumtype // a success is one of these two
	case message.OK:
		parts = append(parts, "ok")
		if r.HasVersion {
			parts = append(parts, fmt.Sprintf("@%d", r.Version))
		}
		parts = append(parts, oneLine(r.Value))
	case message.Created:
		parts = append(parts, "created", string(r.ID))
		if r.HasVersion {
			parts = append(parts, fmt.Sprintf("@%d", r.Version))
		}
		parts = append(parts, oneLine(r.Value))
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// refusalText is a refusal on one line, with a line more for each violation. id
// is the message's, for those that ask to send it again; it may be empty.
func refusalText(r message.Response, id message.ID) string {
	switch r := r.(type) {
	case message.OK, message.Created:
		return acceptedText(r)
	case message.DomainError:
		return strings.TrimSpace(fmt.Sprintf("error %s %s", r.Code, oneLine(r.Detail)))
	case message.ValidationError:
		return "invalid request:" + violationLines(r.Violations)
	case message.InvalidRequest:
		return "invalid request: " + r.Reason
	case message.MissingID:
		return fmt.Sprintf("missing id: the request has no aggregate id in its field %q", r.Field)
	case message.MessageIDReused:
		return fmt.Sprintf("message id reused: %q was sent with another request before; leave --id away, or choose a new one", r.MessageID)
	case message.TooLarge:
		return "too large: " + sizes(r)
	case message.NotFound:
		if r.Stream != "" && r.ID == "" {
			return fmt.Sprintf("not found: there is no stream %q; \"ringhold services\" lists those that are served", r.Stream)
		}
		return "not found: " + orElse(name(r.Stream, r.ID), "the aggregate") + " does not exist"
	case message.StreamErased:
		return "erased: " + orElse(name(r.Stream, r.ID), "the aggregate") + " was erased, and its id is refused for ever"
	case message.Quarantined:
		return fmt.Sprintf("quarantined: %s: %s", name(r.Stream, r.ID), r.Reason)
	case message.WrongExpectedVersion:
		return "wrong expected version: " + versions(r)
	case message.Unauthorized:
		return "not authenticated" + colon(r.Reason)
	case message.Forbidden:
		return "forbidden" + colon(r.Reason)
	case message.Crashed:
		return "the service failed" + colon(r.Reason) + "; nothing was stored, and the server's log says more"
	case message.ServiceUnavailable:
		if r.NoSuchService {
			return noSuchService(r)
		}
		return "unavailable" + colon(shortReason(r.Reason)) + again(id)
	case message.ServiceTimeout:
		return fmt.Sprintf("no answer in time%s%s", duration(r.Timeout), again(id))
	case message.OutcomeUnknown:
		return fmt.Sprintf("outcome unknown: the store did not confirm in time%s%s", duration(r.Timeout), again(id))
	case message.MailboxFull:
		return "mailbox full: too many messages wait for " + orElse(name(r.Stream, r.ID), "the service") + again(id)
	case message.NoNodesAvailable:
		return fmt.Sprintf("no node available: each that was asked refused service %q%s", r.Service, again(id))
	case message.TryAnotherNode:
		return "unavailable" + colon(r.Reason) + again(id)
	case message.NotOwner: // of a member that was asked without a gateway
		return "unavailable: the member does not own the aggregate's slot" + again(id)
	case message.OutOfOrder:
		return "unavailable: the message came before the one that it follows" + again(id)
	}
	return "nobody answered" + again(id)
}

func noSuchService(r message.ServiceUnavailable) string {
	if r.Service == "" { // the server does not know the call: it is older
		return "the server does not offer this" + colon(r.Reason)
	}
	return fmt.Sprintf("no such service: %q; \"ringhold services\" lists them", r.Service)
}

func violationLines(v message.Violations) string {
	var b strings.Builder
	for _, one := range v {
		b.WriteString("\n  ")
		if one.Path != "" {
			b.WriteString(one.Path + ": ")
		}
		b.WriteString(one.Message)
	}
	return b.String()
}

func versions(r message.WrongExpectedVersion) string {
	if r.Expected == message.NoVersion {
		return fmt.Sprintf("it exists already, current %d", r.Current)
	}
	if r.Current == message.NoVersion {
		return fmt.Sprintf("expected %d, but it does not exist", r.Expected)
	}
	return fmt.Sprintf("expected %d, current %d", r.Expected, r.Current)
}

func sizes(r message.TooLarge) string {
	what := orElse(r.What, "message")
	switch {
	case r.Limit == 0:
		return fmt.Sprintf("the %s is larger than the server takes", what)
	case r.Size == 0:
		return fmt.Sprintf("the %s is larger than %d bytes", what, r.Limit)
	}
	return fmt.Sprintf("the %s has %d bytes, at most %d are taken", what, r.Size, r.Limit)
}

func name(stream message.StreamName, id message.AggregateID) string {
	if stream == "" || id == "" {
		return ""
	}
	return string(stream.Of(id))
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func colon(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

func duration(d interface{ String() string }) string {
	if s := d.String(); s != "0s" {
		return " (" + s + ")"
	}
	return ""
}

// again says how to learn what became of a message.
func again(id message.ID) string {
	if id == "" {
		return ""
	}
	return fmt.Sprintf("; the same command with --id %s is safe, and tells the outcome", id)
}

// answerJSON is an answer as a document. Its first fields are those of the HTTP
// interface.
type answerJSON struct {
	Line       int                 `json:"line,omitempty"`
	Result     string              `json:"result"`
	Code       string              `json:"code,omitempty"`
	ID         message.AggregateID `json:"id,omitempty"`
	Version    *message.Version    `json:"version,omitempty"`
	Value      json.RawMessage     `json:"value,omitempty"`
	Detail     json.RawMessage     `json:"detail,omitempty"`
	Violations []message.Violation `json:"violations,omitempty"`
	Field      string              `json:"field,omitempty"`
	Expected   *message.Version    `json:"expected_version,omitempty"`
	Current    *message.Version    `json:"current_version,omitempty"`
	Stream     message.StreamName  `json:"stream,omitempty"`
	Service    message.ServiceName `json:"service,omitempty"`
	Reason     string              `json:"reason,omitempty"`
	Events     []emittedJSON       `json:"events,omitempty"`
	MessageID  message.ID          `json:"message_id,omitempty"`
	Overtaken  bool                `json:"overtaken,omitempty"`
}

// emittedJSON is an event of a verbose dry run.
type emittedJSON struct {
	Version *message.Version `json:"version,omitempty"` // that it would have; not known beside a refusal
	Type    string           `json:"type"`
	Data    json.RawMessage  `json:"data,omitempty"`
}

// emittedEvents returns events as JSON; after is the version in front of them,
// nil if it is not known.
func emittedEvents(events []message.Event, after *message.Version) []emittedJSON {
	var out []emittedJSON
	for i, e := range events {
		one := emittedJSON{Type: e.Type, Data: raw(e.Value)}
		if after != nil {
			v := *after + 1 + message.Version(i)
			one.Version = &v
		}
		out = append(out, one)
	}
	return out
}

// emitted returns the events of a verbose dry run that succeeded.
func emitted(result client.Result) []message.Event {
	if r, is := result.Response.(message.OK); is {
		return r.Events
	}
	return nil
}

// document returns the outcome of a message as JSON.
func document(result client.Result, refused *client.Error) answerJSON {
	if refused != nil {
		out := refusalJSON(refused.Response())
		out.MessageID, out.Events = refused.MessageID, emittedEvents(refused.Events, nil)
		return out
	}
	out := answerJSON{Result: result.Response.Outcome(), Value: raw(result.Value()), MessageID: result.MessageID}
	if v, has := result.Version(); has {
		out.Version = &v
	}
	out.Events = emittedEvents(emitted(result), out.Version)
	if r, is := result.Response.(message.Created); is {
		out.ID = r.ID
	}
	return out
}

func refusalJSON(r message.Response) answerJSON {
	out := answerJSON{Result: r.Outcome()}
	switch r := r.(type) {
	case message.DomainError:
		out.Code, out.Detail = r.Code, raw(r.Detail)
	case message.ValidationError:
		out.Violations = r.Violations
	case message.MissingID:
		out.Field = r.Field
	case message.NotFound:
		out.Stream, out.ID = r.Stream, r.ID
	case message.StreamErased:
		out.Stream, out.ID = r.Stream, r.ID
	case message.Quarantined:
		out.Stream, out.ID, out.Reason = r.Stream, r.ID, r.Reason
	case message.MailboxFull:
		out.Stream, out.ID = r.Stream, r.ID
	case message.WrongExpectedVersion:
		out.Expected, out.Current = &r.Expected, &r.Current
	case message.ServiceUnavailable:
		out.Service, out.Reason = r.Service, r.Reason
	case message.InvalidRequest:
		out.Reason = r.Reason
	case message.Unauthorized:
		out.Reason = r.Reason
	case message.Forbidden:
		out.Reason = r.Reason
	case message.Crashed:
		out.Reason = r.Reason
	case message.TooLarge:
		out.Reason = sizes(r)
	case message.OK, message.Created, message.ServiceTimeout, message.OutcomeUnknown, message.MessageIDReused,
		message.NoNodesAvailable, message.TryAnotherNode, message.NotOwner, message.OutOfOrder:
	}
	return out
}
