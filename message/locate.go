package message

import (
	"fmt"

	"google.golang.org/protobuf/types/known/anypb"
)

// found remembers an aggregate's id with what it was found in, so that a message
// that is first placed and then run is searched once. It is worth nothing for
// another request or field.
type found struct {
	json   *byte // where the request begins; one that is changed is another one
	proto  *anypb.Any
	field  string
	id     AggregateID
	quoted bool // the request has it as a string
}

func (f *found) is(raw Body, field string) bool {
	return f.id != "" && f.field == field && f.json == raw.start() && f.proto == raw.proto
}

// PrepareAggregateID finds the aggregate's id in a field of the request. If it
// is missing, null or empty it is generated where generate allows it, and put
// into the request, where the command sees it. Otherwise the message is
// answered with MissingID, or with ValidationError if the id cannot be one, or if another
// field differs from it only in case: a decoder would take either for the id.
func (m *Message) PrepareAggregateID(stream StreamName, field string, generate bool) *Message {
	m.Aggregate.Stream = stream
	id, raw, refusal := m.locate(stream, field, generate)
	switch r := refusal.(type) { //nolint:gochecksumtype // locate has no others
	case nil:
	case ValidationError:
		return m.PutRequest(nil, r.Violations)
	default:
		return m.Return(r)
	}
	m.Raw, m.Aggregate.ID = raw, id
	return m
}

// AggregateIDIn returns the id that PrepareAggregateID would find, or the
// answer that it would give, and leaves the request as it was received: for
// those who only pass the message on.
func (m *Message) AggregateIDIn(stream StreamName, field string, generate bool) (AggregateID, Response) {
	id, _, refusal := m.locate(stream, field, generate)
	return id, refusal
}

// locate returns the id with the request as the command is to see it, or the
// refusal.
func (m *Message) locate(stream StreamName, field string, generate bool) (AggregateID, Body, Response) {
	f := &m.found
	if !f.is(m.Raw, field) {
		value, misspelt, err := m.Raw.seek(field)
		if misspelt != "" {
			return "", Body{}, ValidationError{Violations: Violations{{Path: misspelt, Message: fmt.Sprintf("differs from %q only in case", field)}}}
		}
		var id AggregateID
		if err == nil && value != nil {
			id, err = IDFrom(value)
		}
		switch {
		case err != nil:
			return "", Body{}, ValidationError{Violations: Violations{{Path: field, Message: err.Error()}}}
		case id == "" && !generate:
			return "", Body{}, MissingID{Field: field}
		case id == "":
			return m.locatedAt(GeneratedID(stream, m.ID), field)
		}
		*f = found{json: m.Raw.start(), proto: m.Raw.proto, field: field, id: id, quoted: value[0] == '"'}
	}
	if !f.quoted && m.Raw.json != nil {
		return m.locatedAt(f.id, field) // an integer is taken as written, and the command sees a string
	}
	return f.id, m.Raw, nil
}

// locatedAt puts the id into the request.
func (m *Message) locatedAt(id AggregateID, field string) (AggregateID, Body, Response) {
	raw, err := m.Raw.With(field, string(id))
	if err != nil {
		return "", Body{}, InvalidRequest{Reason: err.Error()}
	}
	return id, raw, nil
}
