package aggregate

import (
	"fmt"
	"regexp"

	"github.com/ringhold/ringhold/message"
)

// Emitted is an event that may be emitted by aggregates whose state is an S.
// Only what [Event] returns makes one. The zero Emitted adds nothing.
type Emitted[S any] struct{ pending Pending }

// Pending returns the event without the state's type; ok is false if there is
// none.
func (e Emitted[S]) Pending() (p Pending, ok bool) { return e.pending, e.pending.kind != nil }

// Pending is an event that a command wants stored.
type Pending struct {
	kind  *kind
	value any
}

// Type returns the wire name of the event.
func (p Pending) Type() string { return p.kind.name }

// Schema returns the schema number that the event is stored with.
func (p Pending) Schema() int { return p.kind.schema }

// Value returns the event itself.
func (p Pending) Value() any { return p.value }

// Encode returns what is stored of the event.
func (p Pending) Encode() (Payload, error) { return p.kind.encode(p.value) }

// kind is a registered event.
type kind struct {
	core   *Core
	name   string
	schema int
	proto  bool
	encode func(any) (Payload, error)
	apply  func(state, event any)
	decode func(Payload) (any, error)
	// replay decodes and applies, without a detour through any: loading an
	// aggregate is little else.
	replay func(state any, p Payload) error
	// rewrite decodes a payload in the form it was stored in and encodes it again.
	rewrite func(Payload) (Payload, error)
	older   []*kind // its former names and numbers; they are registered under them
	current *kind   // of a former one, what it became
}

// former is a name and schema number under which an event was stored before.
type former struct {
	name   string
	schema int
}

var eventName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.:/-]*$`)

// EventOption refines the registration of an event of type E.
type EventOption[E any] struct {
	schema int
	former former
	proto  bool
	upcast func(Payload) (E, error)
	again  func(Payload) (Payload, error)
}

// Was reads events that an earlier release stored under a name and schema
// number, in the form of an O.
func Was[O, E any](name string, schema int, upcast func(O) E) EventOption[E] {
	if upcast == nil {
		panic(fmt.Sprintf("aggregate.Was(%q, %d): there is no function that reads the older form", name, schema))
	}
	c := codecFor[O]()
	return EventOption[E]{
		former: former{name, schema},
		proto:  c.message != nil,
		again:  c.rewrite,
		upcast: func(p Payload) (E, error) {
			o, err := c.decode(p)
			if err != nil {
				var none E
				return none, err
			}
			return upcast(o), nil
		},
	}
}

// SchemaNumber sets the number that new events of the kind are stored with. The
// default is 1, or, where [Was] names older forms of the same name, the highest
// of those plus 1.
func SchemaNumber[E any](n int) EventOption[E] {
	if n < 1 {
		panic(fmt.Sprintf("aggregate.SchemaNumber(%d): numbers are at least 1", n))
	}
	return EventOption[E]{schema: n}
}

// Event registers an event: its wire name, its effect on the state, and, as
// what it returns, the only thing that can emit it. A name is 1 to 127 ASCII
// letters, digits and any of _.:/-, and begins with a letter. A nil apply leaves
// the state as it is.
func Event[S, E any](d *Definition[S], name string, apply func(*S, E), options ...EventOption[E]) func(E) Emitted[S] {
	if apply == nil {
		apply = func(*S, E) {}
	}
	c := codecFor[E]()
	k := &kind{
		core: d.core, name: name, schema: 1, proto: c.message != nil,
		encode: c.encodeAny,
		decode: untyped(c.decode), rewrite: c.rewrite,
		apply: func(state, event any) { apply(state.(*S), event.(E)) },
	}
	replay := func(decode func(Payload) (E, error)) func(any, Payload) error {
		return func(state any, p Payload) error {
			e, err := decode(p)
			if err != nil {
				return err
			}
			apply(state.(*S), e)
			return nil
		}
	}
	k.replay = replay(c.decode)
	explicit := 0
	for _, o := range options {
		if o.upcast == nil {
			explicit = o.schema
			continue
		}
		old := &kind{
			core: d.core, name: o.former.name, schema: o.former.schema, proto: o.proto, current: k,
			decode: untyped(o.upcast), replay: replay(o.upcast), rewrite: o.again,
		}
		k.older = append(k.older, old)
		d.core.register(old.name, old.schema, old)
		if o.former.name == name && o.former.schema >= k.schema {
			k.schema = o.former.schema + 1
		}
	}
	if explicit != 0 {
		if explicit < k.schema {
			panic(fmt.Sprintf("aggregate %q: event %q: SchemaNumber(%d) is not above that of its older forms", d.core.Stream, name, explicit))
		}
		k.schema = explicit
	}
	d.core.register(name, k.schema, k)
	d.core.events = append(d.core.events, k)
	return func(e E) Emitted[S] { return Emitted[S]{Pending{kind: k, value: e}} }
}

func untyped[E any](decode func(Payload) (E, error)) func(Payload) (any, error) {
	return func(p Payload) (any, error) { return decode(p) }
}

// ReservedEvent reports whether the name is one that Ringhold itself uses.
func ReservedEvent(name string) bool { return len(name) > 0 && name[0] == '$' }

// UnknownEventError says that a stream holds an event of which this binary
// knows nothing. The aggregate cannot be loaded, since its state would be wrong.
type UnknownEventError struct {
	Stream message.StreamName
	Type   string
	Schema int
}

func (e *UnknownEventError) Error() string {
	return fmt.Sprintf("stream %s holds an event %q of schema %d that this binary does not know: register it, or name it in Retired", e.Stream, e.Type, e.Schema)
}

// UnreadableEventError says that an event that this binary knows is stored in a form
// that it cannot read. Err may quote what is stored.
type UnreadableEventError struct {
	Type   string
	Schema int
	Err    error
}

func (e *UnreadableEventError) Error() string {
	return fmt.Sprintf("event %q of schema %d: %v", e.Type, e.Schema, e.Err)
}

func (e *UnreadableEventError) Unwrap() error { return e.Err }
