package shard

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/cel-go/cel"

	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/runtime"
)

// ruleCost bounds what one evaluation of an access rule may cost.
const ruleCost = 100_000

// compileRule compiles an accessRule: a CEL expression that yields a bool. It
// sees caller {name, authenticated, claims}, service, and request, the JSON of
// the request as it was received.
func compileRule(expression string) (func(*message.Message) (bool, error), error) {
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
		request := map[string]any{}
		if raw := m.Raw.JSON(); raw != nil {
			if err := json.Unmarshal(raw, &request); err != nil {
				return false, fmt.Errorf("access rule: read the request: %w", err)
			}
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

// serveOn runs a binding on a host.
func serveOn(h *runtime.Host, b *handler.Binding) func(context.Context, *message.Message, func(message.Response)) {
	return func(ctx context.Context, m *message.Message, reply func(message.Response)) { h.Serve(ctx, b, m, reply) }
}
