package shard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/google/cel-go/cel"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/runtime"
)

// ruleCost bounds what one evaluation of an access rule may cost.
const ruleCost = 100_000

// compileRule compiles an accessRule: a CEL expression that yields a bool. It
// sees caller {name, authenticated, claims}, service, and request, the JSON of
// the request as it was received.
//
// The request is what the command reads of it, encoded again: a field under
// another spelling, or a protobuf body, cannot say one thing to the rule and
// another to the command. So every field without omitempty is there.
func compileRule(expression string, read func(*message.Message) (any, error)) (func(*message.Message) (bool, error), error) {
	env, err := cel.NewEnv(
		cel.Variable("caller", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("service", cel.StringType),
		cel.Variable("request", cel.MapType(cel.StringType, cel.DynType)),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare access rules: %w", err)
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	if ast.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("it yields %s, it has to yield true or false", ast.OutputType())
	}
	program, err := env.Program(ast, cel.CostLimit(ruleCost))
	if err != nil {
		return nil, err
	}
	return func(m *message.Message) (bool, error) {
		typed, err := read(m)
		if err != nil {
			return false, fmt.Errorf("access rule: read the request: %w", err)
		}
		request, err := asMap(typed)
		if err != nil {
			return false, fmt.Errorf("access rule: %w", err)
		}
		claims := m.Caller.Claims
		if claims == nil {
			claims = map[string]any{}
		}
		out, _, err := program.Eval(map[string]any{
			"caller":  map[string]any{"name": m.Caller.Name, "authenticated": m.Caller.Authenticated, "claims": claims},
			"service": string(m.Service), "request": request,
		})
		if err != nil {
			return false, fmt.Errorf("access rule: %w", err)
		}
		allowed, _ := out.Value().(bool)
		return allowed, nil
	}, nil
}

// readRaw reads requests of services that take any JSON object.
func readRaw(m *message.Message) (any, error) {
	if m.Raw.Any() != nil {
		return nil, errors.New("the request is a protobuf message, the rule is about JSON")
	}
	if m.Raw.IsZero() {
		return struct{}{}, nil
	}
	return json.RawMessage(m.Raw.JSON()), nil
}

// readTyped reads requests as a function does that takes a type.
func readTyped(t reflect.Type) func(*message.Message) (any, error) {
	if t == nil {
		return readRaw
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return func(m *message.Message) (any, error) {
		out := reflect.New(t).Interface()
		return out, m.Raw.Decode(out)
	}
}

// readCommand reads requests as a command does.
func readCommand(c *aggregate.CommandCore) func(*message.Message) (any, error) {
	return func(m *message.Message) (any, error) {
		probe := message.NewWithID(m.Service, m.ID, m.Raw)
		if c.Read(probe); probe.Halted {
			return nil, errors.New("the request is not one of the command's")
		}
		return probe.Request, nil
	}
}

// asMap encodes a request and reads it as CEL sees it.
func asMap(request any) (map[string]any, error) {
	out := map[string]any{}
	value, err := message.NewValue(request)
	if err != nil {
		return nil, err
	}
	encoded, err := value.AsJSON()
	if err != nil || len(encoded) == 0 || string(encoded) == "null" {
		return out, err
	}
	return out, json.Unmarshal(encoded, &out)
}

// serveOn runs a binding on a host.
func serveOn(h *runtime.Host, b *handler.Binding) func(context.Context, *message.Message, func(message.Response)) {
	return func(ctx context.Context, m *message.Message, reply func(message.Response)) { h.Serve(ctx, b, m, reply) }
}
