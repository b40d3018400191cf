package message

import (
	"encoding/json"
	"maps"
	"time"
)

// Message is a command on its way, and its answer when it comes back. It has
// one owner at a time: the caller until it dispatches, then whoever runs it.
type Message struct {
	Service       ServiceName
	ID            ID
	CorrelationID ID // shared by all that one request set off
	CausationID   ID // the message that caused this one; its own id if none did

	// LogAttributes are added to every log line about the message.
	LogAttributes map[string]string
	// Traceparent is the W3C trace context, if there is one.
	Traceparent string

	InvokedAt time.Time // UTC; set again at dispatch
	DryRun    DryRun

	Raw     Body // the request as it was received
	Request any  // the typed request, once it was read
	Valid   bool // false once the request was found invalid

	// Expected, if not nil, is the version that the caller has seen; another
	// one is refused with WrongExpectedVersion.
	Expected *Version
	// FirstAttempt says that the id was made for this attempt, so no earlier
	// one can have stored anything.
	FirstAttempt bool

	Caller    Caller
	Origin    string // the node that the message entered at
	Aggregate Meta   // set once the aggregate is known

	Response Response
	Halted   bool

	assigns map[string]any
	events  []any
	found   found // the aggregate's id, once it was looked for
}

// Caller is who dispatched a message.
type Caller struct {
	Name          string         // "internal" for what Ringhold dispatches itself
	Authenticated bool           // false: nothing is known of the caller
	Claims        map[string]any // as the authentication found them
}

// Meta is what is known of the aggregate that a message is for.
type Meta struct {
	Stream  StreamName
	ID      AggregateID
	Version Version // before the command, then after it
}

// New returns a message for a service with an id of its own, which is also its
// correlation and causation id.
func New(service ServiceName, raw Body) *Message {
	return NewWithID(service, NewID(), raw)
}

// NewWithID is New for a caller that chose the id.
func NewWithID(service ServiceName, id ID, raw Body) *Message {
	return &Message{
		Service: service, ID: id, CorrelationID: id, CausationID: id,
		InvokedAt: time.Now().UTC(), Raw: raw, Valid: true,
		Aggregate: Meta{Version: NoVersion},
	}
}

// NewCausedBy returns a message that cause set off: it has an id of its own,
// cause's correlation id, log attributes and trace, and cause's id as causation
// id. Request, assigns and dry run are not inherited.
func NewCausedBy(cause *Message, service ServiceName, raw Body) *Message {
	m := New(service, raw)
	m.CorrelationID = cause.CorrelationID
	m.CausationID = cause.ID
	m.LogAttributes = maps.Clone(cause.LogAttributes) // the two have different owners
	m.Traceparent = cause.Traceparent
	m.Origin = cause.Origin
	return m
}

// FillIDs gives the message the ids that it lacks: an own id (then it is a
// first attempt), the correlation id from the id, the causation id from the
// correlation id.
func (m *Message) FillIDs() {
	if m.ID == "" {
		m.ID, m.FirstAttempt = NewID(), true
	}
	if m.CorrelationID == "" {
		m.CorrelationID = m.ID
	}
	if m.CausationID == "" {
		m.CausationID = m.CorrelationID
	}
}

// To directs the message to another service; ids, request and assigns stay.
func (m *Message) To(service ServiceName) *Message {
	m.Service = service
	return m
}

// Assign keeps a value with the message for those that handle it later.
func (m *Message) Assign(key string, value any) *Message {
	if m.assigns == nil {
		m.assigns = make(map[string]any)
	}
	m.assigns[key] = value
	return m
}

// Assigned returns an assigned value, if there is one of that type.
func Assigned[T any](m *Message, key string) (T, bool) {
	v, ok := m.assigns[key].(T)
	return v, ok
}

// PutInRaw sets a top-level field of the request; without a request it starts one.
func (m *Message) PutInRaw(field, value string) error {
	raw, err := m.Raw.With(field, value)
	if err != nil {
		return err
	}
	m.Raw = raw
	return nil
}

// PutRequest keeps the typed request. With violations the message is answered
// with a ValidationError and halted, and nothing is decided.
func (m *Message) PutRequest(request any, v Violations) *Message {
	m.Request = request
	if len(v) == 0 {
		return m
	}
	m.Valid = false
	return m.Return(ValidationError{Violations: v, Request: request})
}

// AddEvent adds an event; nil adds nothing.
func (m *Message) AddEvent(event any) *Message {
	if event != nil {
		m.events = append(m.events, event)
	}
	return m
}

// Events returns the events in the order in which they were added.
func (m *Message) Events() []any { return m.events }

// Return answers the message and halts it.
func (m *Message) Return(r Response) *Message {
	m.Response, m.Halted = r, true
	return m
}

// OK answers {ok} or, with a value, {ok, value}. A value that cannot be encoded
// is answered with Crashed.
func (m *Message) OK(value ...any) *Message {
	return m.returnValue(first(value), func(v Value) Response { return OK{Value: v} })
}

// Created answers {created, id}.
func (m *Message) Created(id AggregateID) *Message { return m.Return(Created{ID: id}) }

// Error answers {error, code, detail}: a refusal by the domain.
func (m *Message) Error(code string, detail ...any) *Message {
	return m.returnValue(first(detail), func(v Value) Response { return DomainError{Code: code, Detail: v} })
}

func (m *Message) returnValue(value any, response func(Value) Response) *Message {
	v, err := NewValue(value)
	if err != nil {
		return m.Return(Crashed{Reason: err.Error()})
	}
	return m.Return(response(v))
}

func first(values []any) any {
	if len(values) == 0 {
		return nil
	}
	return values[0]
}

// Reply returns what goes back to the caller: ids and the response, with
// neither the request nor the events.
func (m *Message) Reply() *Message {
	return &Message{
		Service: m.Service, ID: m.ID, CorrelationID: m.CorrelationID, CausationID: m.CausationID,
		InvokedAt: m.InvokedAt, DryRun: m.DryRun, Valid: m.Valid, Origin: m.Origin,
		Aggregate: m.Aggregate, Response: m.Response, Halted: true,
	}
}

// MarshalJSON of an event of a verbose dry run.
func (e Event) MarshalJSON() ([]byte, error) {
	v, err := e.Value.AsJSON()
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	}{e.Type, v})
}
