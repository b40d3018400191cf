package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"sync"

	"github.com/ringhold/ringhold/internal/jsonschema"
	"github.com/ringhold/ringhold/message"
)

// CommandCore is a registered command without its types.
type CommandCore struct {
	Name string
	// Doc is one or two sentences for people; may be empty.
	Doc string

	goType reflect.Type
	schema func() json.RawMessage
	read   func(*message.Message) (request any, faults message.Violations)
	check  func(m *message.Message, state, request any) message.Violations
	decide func(m *message.Message, state, request any) Outcome
	before func(ctx context.Context, m *message.Message, request any) error
}

var commandName = regexp.MustCompile(`^[a-z][a-z0-9_.]*$`)

// CommandOption refines the registration of a command of type C.
type CommandOption[C any] struct {
	doc    string
	before func(context.Context, *message.Message, C) error
}

// Doc describes a command for people: it is shown where services are listed.
func Doc[C any](doc string) CommandOption[C] { return CommandOption[C]{doc: doc} }

// Before adds a step that may do I/O. It runs before the command reaches the
// aggregate, outside its turn, and may run again when a message is retried.
// What it finds out it assigns to the message, where decide reads it with
// [Assigned]. An error is the answer (a [Refusal] as an error with its code),
// and the command does not run.
func Before[C any](f func(ctx context.Context, m *message.Message, c C) error) CommandOption[C] {
	return CommandOption[C]{before: f}
}

// Command registers a command of type C. validate, which may be nil, returns
// all faults of the command, on its own or against the state; with any, nothing
// is decided. decide returns the events and the response. Both are pure, and
// get the state by value.
//
// C is read from the request's JSON, or from its protobuf message where C is
// one. A field of a wrong type is answered as a violation of that field.
func Command[S, C any](
	d *Definition[S], name string,
	validate func(C, *Message[S], S) Violations,
	decide func(*Message[S], S, C) Decision[S],
	options ...CommandOption[C],
) {
	core := d.core
	if !commandName.MatchString(name) {
		panic(fmt.Sprintf("aggregate %q: command %q does not match [a-z][a-z0-9_.]*", core.Stream, name))
	}
	if core.byName[name] != nil {
		panic(fmt.Sprintf("aggregate %q: command %q is registered twice", core.Stream, name))
	}
	if decide == nil {
		panic(fmt.Sprintf("aggregate %q: command %q has no decide function", core.Stream, name))
	}
	cmd := &CommandCore{Name: name, goType: reflect.TypeFor[C](), read: readerFor[C]()}
	cmd.schema = sync.OnceValue(func() json.RawMessage { return jsonschema.Of(cmd.goType) })
	if validate != nil {
		cmd.check = func(m *message.Message, state, request any) message.Violations {
			return validate(as[C](request), &Message[S]{m: m}, *state.(*S))
		}
	}
	cmd.decide = func(m *message.Message, state, request any) Outcome {
		return core.own(decide(&Message[S]{m: m}, *state.(*S), as[C](request)).outcome)
	}
	for _, o := range options {
		if o.doc != "" {
			cmd.Doc = o.doc
		}
		if o.before != nil {
			cmd.before = func(ctx context.Context, m *message.Message, request any) error {
				return o.before(ctx, m, as[C](request))
			}
		}
	}
	core.commands = append(core.commands, cmd)
	core.byName[name] = cmd
}

// as is a type assertion that gives the nil interface back as one.
func as[C any](request any) C {
	if request == nil {
		var none C
		return none
	}
	return request.(C)
}

// Read reads the typed request into the message; faults answer and halt it.
func (c *CommandCore) Read(m *message.Message) {
	request, faults := c.read(m)
	m.PutRequest(request, faults)
}

// HasBefore reports whether there is a step to run before the turn.
func (c *CommandCore) HasBefore() bool { return c.before != nil }

// RunBefore runs that step. An error has answered the message.
func (c *CommandCore) RunBefore(ctx context.Context, m *message.Message) {
	if err := c.before(ctx, m, m.Request); err != nil {
		m.Return(ResponseOf(err))
	}
}

// Decide validates and decides the message's request on a state. If the
// message halts in validation, the outcome is empty.
func (c *CommandCore) Decide(m *message.Message, state any) Outcome {
	if c.check != nil {
		if m.PutRequest(m.Request, c.check(m, state, m.Request)); m.Halted {
			return Outcome{}
		}
	}
	return c.decide(m, state, m.Request)
}

// RequestSchema returns the JSON Schema of the command's requests. It is made
// at the first call; the caller must not change it.
func (c *CommandCore) RequestSchema() json.RawMessage { return c.schema() }

// HasField reports whether requests have a top-level field of a name.
func (c *CommandCore) HasField(name string) bool { return hasField(c.goType, name) }

// ResponseOf turns an error of an author's function into a response: a Refusal
// into its code, anything else into Crashed.
func ResponseOf(err error) message.Response {
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		return message.Crashed{Reason: err.Error()}
	}
	v, encodeErr := message.NewValue(refusal.Detail)
	if encodeErr != nil {
		return message.Crashed{Reason: encodeErr.Error()}
	}
	return message.DomainError{Code: refusal.Code, Detail: v}
}

// readerFor returns what reads requests of type C.
func readerFor[C any]() func(*message.Message) (any, message.Violations) {
	c := codecFor[C]()
	names := taggedNames(reflect.TypeFor[C]())
	return func(m *message.Message) (any, message.Violations) {
		if c.message != nil {
			out := reflect.New(c.message).Interface()
			return out, message.FaultsOf(m.Raw.Decode(out))
		}
		if b := m.Raw.JSON(); b != nil {
			if out, ok := c.decodePlain(b); ok {
				return out, nil // each key was a field's name to the letter
			}
		}
		return readAny[C](m, names)
	}
}

func readAny[C any](m *message.Message, names []string) (any, message.Violations) {
	var out C
	if err := m.Raw.Decode(&out); err != nil {
		return out, message.FaultsOf(err)
	}
	return out, m.Raw.Misspelt(names)
}
