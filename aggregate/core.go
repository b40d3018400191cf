package aggregate

import (
	"context"
	"fmt"
	"reflect"

	"github.com/ringhold/ringhold/message"
)

// Core is a definition without its types: what hosts work with, and what an
// aggregate that is declared without Go would be made of. A state is handled as
// an any that holds a *S; only the turn of its actor may touch it.
type Core struct {
	Stream message.StreamName
	// StateBased says that states are stored instead of events.
	StateBased bool
	// StateSchema is the schema number of snapshots and state rows.
	StateSchema int

	stateProto  bool
	newState    func() any
	encodeState func(any) (Payload, error)
	decodeState func(Payload) (any, error)
	restore     map[int]func(Payload) (any, error)

	commands []*CommandCore
	byName   map[string]*CommandCore
	events   []*kind
	retired  []string
	kinds    map[former]*kind

	onLoad     func(state any)
	onCommit   func(context.Context, *message.Message, any)
	onRollback func(context.Context, *message.Message, any)
	onSaved    func(context.Context, message.AggregateID, any, message.Version)
	filter     func(*message.Message, []Pending) ([]Pending, error)
	hydrate    func(context.Context, Hydrator) error
	unload     func(any) Unload
	authorize  func(*message.Message) message.Response
}

func newCore[S any](stream message.StreamName) *Core {
	c := codecFor[*S]()
	plain := codecFor[S]()
	core := &Core{
		Stream: stream, StateSchema: 1, stateProto: c.message != nil || plain.message != nil,
		newState: func() any { return new(S) },
		restore:  map[int]func(Payload) (any, error){},
		byName:   map[string]*CommandCore{},
		kinds:    map[former]*kind{},
	}
	if c.message != nil { // S is the struct of a protobuf message
		core.encodeState = func(s any) (Payload, error) { return c.encode(s.(*S)) }
		core.decodeState = func(p Payload) (any, error) { return c.decode(p) }
		return core
	}
	if plain.message != nil { // S is a pointer to a protobuf message: nil could not be applied to
		core.newState = func() any {
			s := reflect.New(plain.message).Interface().(S)
			return &s
		}
	}
	core.encodeState = func(s any) (Payload, error) { return plain.encode(*s.(*S)) }
	core.decodeState = func(p Payload) (any, error) {
		s, err := plain.decode(p)
		return &s, err
	}
	return core
}

// Core returns c, so that a Core is Hosted itself.
func (c *Core) Core() *Core { return c }

// NewState returns the state of an aggregate without events.
func (c *Core) NewState() any { return c.newState() }

// EncodeState encodes a state for a snapshot or a state row.
func (c *Core) EncodeState(state any) (Payload, error) { return c.encodeState(state) }

// ErrOtherSchema says that a snapshot or state row has a schema number that
// this binary cannot read.
type ErrOtherSchema struct {
	Stream     message.StreamName
	Have, Want int
}

func (e *ErrOtherSchema) Error() string {
	return fmt.Sprintf("the state of %s is stored with schema %d, this binary has %d and no Restore for %d", e.Stream, e.Have, e.Want, e.Have)
}

// DecodeState reads a snapshot or state row. The error is an *ErrOtherSchema if
// its schema number is unknown.
func (c *Core) DecodeState(schema int, p Payload) (any, error) {
	if schema == c.StateSchema {
		return c.decodeState(p)
	}
	if restore, ok := c.restore[schema]; ok {
		return restore(p)
	}
	return nil, &ErrOtherSchema{Stream: c.Stream, Have: schema, Want: c.StateSchema}
}

// Loaded runs the OnLoad function of a state-based aggregate.
func (c *Core) Loaded(state any) {
	if c.onLoad != nil {
		c.onLoad(state)
	}
}

// Apply applies a new event to the state, in place.
func (c *Core) Apply(state any, p Pending) { p.kind.apply(state, p.value) }

// Replay applies a stored event to the state, in place. The error is an
// *UnknownEventError if this binary does not know the event, and an
// *UnreadableEventError if it is stored otherwise than declared. An event that is a
// struct of plain fields allocates what it holds – its strings and lists – and
// nothing else.
func (c *Core) Replay(state any, eventType string, schema int, p Payload) error {
	k := c.kinds[former{eventType, schema}]
	if k == nil {
		if c.isRetired(eventType) {
			return nil
		}
		return &UnknownEventError{Stream: c.Stream, Type: eventType, Schema: schema}
	}
	if err := k.replay(state, p); err != nil {
		return &UnreadableEventError{Type: eventType, Schema: schema, Err: err}
	}
	return nil
}

// own checks what the compiler cannot: a decision has to have a response, and
// its events have to be this aggregate's. Another aggregate whose state has the
// same type could have emitted them.
func (c *Core) own(o Outcome) Outcome {
	if o.Response == nil {
		return Outcome{Response: message.Crashed{Reason: "the decision has no response"}, NoBlock: true}
	}
	for _, p := range o.Events {
		if p.kind.core != c {
			reason := fmt.Sprintf("event %q is registered by the aggregates of %s, not of %s", p.kind.name, p.kind.core.Stream, c.Stream)
			return Outcome{Response: message.Crashed{Reason: reason}, NoBlock: true}
		}
	}
	return o
}

// Command returns the command of a name, or nil.
func (c *Core) Command(name string) *CommandCore { return c.byName[name] }

// Commands returns all commands in the order of their registration.
func (c *Core) Commands() []*CommandCore { return c.commands }

// HasCallbacks reports whether commits or rollbacks have side effects, so that
// nothing may be decided on state that is not durable.
func (c *Core) HasCallbacks() bool { return c.onCommit != nil || c.onRollback != nil }

// Committed runs the OnCommit function with the state before the events.
func (c *Core) Committed(ctx context.Context, m *message.Message, before any) {
	if c.onCommit != nil {
		c.onCommit(ctx, m, before)
	}
}

// HasOnSaved reports whether Saved does something.
func (c *Core) HasOnSaved() bool { return c.onSaved != nil }

// RolledBack runs the OnRollback function with the state before the events.
func (c *Core) RolledBack(ctx context.Context, m *message.Message, before any) {
	if c.onRollback != nil {
		c.onRollback(ctx, m, before)
	}
}

// Saved runs the OnSaved function with the state after the events.
func (c *Core) Saved(ctx context.Context, id message.AggregateID, after any, v message.Version) {
	if c.onSaved != nil {
		c.onSaved(ctx, id, after, v)
	}
}

// Filter returns the events that shall be stored.
func (c *Core) Filter(m *message.Message, events []Pending) ([]Pending, error) {
	if c.filter == nil {
		return events, nil
	}
	return c.filter(m, events)
}

// UnloadRule returns what the state says about leaving memory.
func (c *Core) UnloadRule(state any) Unload {
	if c.unload == nil {
		return Unload{}
	}
	return c.unload(state)
}

// Authorize returns nil if the message is allowed, otherwise the answer.
func (c *Core) Authorize(m *message.Message) message.Response {
	if c.authorize == nil {
		return nil
	}
	return c.authorize(m)
}

// Hydrate runs the HydrateWith function; custom is false if there is none.
func (c *Core) Hydrate(ctx context.Context, h Hydrator) (custom bool, err error) {
	if c.hydrate == nil {
		return false, nil
	}
	return true, c.hydrate(ctx, h)
}

// CustomHydration reports whether Hydrate does something.
func (c *Core) CustomHydration() bool { return c.hydrate != nil }

func (c *Core) isRetired(name string) bool {
	for _, r := range c.retired {
		if r == name {
			return true
		}
	}
	return false
}

func (c *Core) retire(name string) {
	for k := range c.kinds {
		if k.name == name {
			panic(fmt.Sprintf("aggregate %q: event %q is both registered and retired", c.Stream, name))
		}
	}
	c.retired = append(c.retired, name)
}

func (c *Core) register(name string, schema int, k *kind) {
	fault := func(format string, args ...any) {
		panic(fmt.Sprintf("aggregate %q: event %q: ", c.Stream, name) + fmt.Sprintf(format, args...))
	}
	if !eventName.MatchString(name) || len(name) > 127 {
		fault("the name is not 1 to 127 letters, digits and any of _.:/- that begin with a letter")
	}
	if schema < 1 {
		fault("a schema number is at least 1, not %d", schema)
	}
	if _, twice := c.kinds[former{name, schema}]; twice {
		fault("schema %d is registered twice", schema)
	}
	if c.isRetired(name) {
		fault("it is both registered and retired")
	}
	c.kinds[former{name, schema}] = k
}
