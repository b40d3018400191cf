package handler

import (
	"fmt"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// Build encodes the events and the command of a verdict that has events, for an
// aggregate at a version. The state is not touched. The response, if there is
// one, is the answer: nothing can be stored. It allocates what is stored and no
// more: the command with its response, the list of events, their metadata, which
// they share, and the data of each.
func (b *Binding) Build(m *message.Message, verdict Verdict, stream message.Stream, version message.Version, slot ring.Slot) (*store.Command, []store.Event, message.Response) {
	command, refusal := b.command(m, verdict)
	if refusal != nil {
		return nil, nil, refusal
	}
	if b.Core.StateBased {
		return command, nil, nil
	}
	metadata := b.Metadata.For(m)
	events := make([]store.Event, len(verdict.Events))
	for i, pending := range verdict.Events {
		payload, err := pending.Encode()
		if err != nil {
			return nil, nil, message.Crashed{Reason: fmt.Sprintf("event %q: %v", pending.Type(), err)}
		}
		events[i] = store.Event{
			Stream: stream, Version: version + 1 + message.Version(i), Slot: slot,
			Type: pending.Type(), Schema: pending.Schema(),
			Encoding: EncodingOf(payload), Data: payload.Data, Metadata: metadata,
		}
	}
	events[0].MessageID, events[0].Command = m.ID, command
	return command, events, nil
}

func (b *Binding) command(m *message.Message, verdict Verdict) (*store.Command, message.Response) {
	response, err := message.EncodeResponse(verdict.Response)
	if err != nil {
		return nil, message.Crashed{Reason: err.Error()}
	}
	if len(response) > MaxResponse {
		return nil, message.TooLarge{What: "response", Size: len(response), Limit: MaxResponse}
	}
	command := &store.Command{Service: m.Service, Hash: m.Raw.Hash(), Response: response, Events: len(verdict.Events)}
	if size := m.Raw.Size(); size > 0 && size <= MaxRecordedRequest {
		command.Request = m.Raw.JSON()
		if a := m.Raw.Any(); a != nil {
			command.Request, command.RequestEncoding = a.GetValue(), store.Proto
		}
	}
	return command, nil
}

// EncodingOf returns how the store is to mark a payload.
func EncodingOf(p aggregate.Payload) store.Encoding {
	if p.Proto {
		return store.Proto
	}
	return store.JSON
}

// Repeat answers a message whose id was processed before: with the first
// response, or MessageIDReused if it asks for something else.
func Repeat(m *message.Message, c *store.Command) message.Response {
	if c.Service != m.Service || c.Hash != m.Raw.Hash() {
		return message.MessageIDReused{MessageID: m.ID}
	}
	r, err := message.DecodeResponse(c.Response)
	if err != nil {
		return message.Crashed{Reason: err.Error()}
	}
	return r
}
