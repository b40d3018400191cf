package dispatch

import (
	"context"
	"log/slog"
	"runtime/debug"

	"github.com/ringhold/ringhold/message"
)

// InternalCaller is the name of the caller of what Ringhold dispatches itself:
// alarms, and what a command sends. It is set within the process only; whoever
// reads callers from outside must refuse it.
const InternalCaller = "internal"

// Check asks whether a message may run the service: access first, then
// Authorize. It returns nil if both allow, otherwise the answer. An internal
// caller is asked about by Authorize alone. A panic is answered with Crashed,
// and its stack goes to the log.
func (s *Service) Check(m *message.Message, log *slog.Logger) (why message.Response) {
	defer func() {
		if v := recover(); v != nil {
			why = crashed(log, m, "authorize", v)
		}
	}()
	if m.Caller.Name != InternalCaller {
		if why := s.checkAccess(m, log); why != nil {
			return why
		}
	}
	if s.Authorize == nil {
		return nil
	}
	return s.Authorize(m)
}

func (s *Service) checkAccess(m *message.Message, log *slog.Logger) message.Response {
	switch s.Access {
	case AccessPublic:
		return nil
	case AccessAuthenticated:
		if !m.Caller.Authenticated {
			return message.Unauthorized{Reason: "the service needs an authenticated caller"}
		}
		return nil
	case AccessRule:
		return s.checkRule(m, log)
	case AccessDenied:
	}
	return message.Forbidden{}
}

func (s *Service) checkRule(m *message.Message, log *slog.Logger) message.Response {
	if s.Rule == nil {
		return message.Forbidden{}
	}
	allowed, err := s.Rule(m)
	if err != nil {
		log.LogAttrs(context.Background(), slog.LevelWarn, "access rule failed, the caller is refused",
			append(LogAttrs(m), slog.Any("error", err))...)
		return message.Forbidden{Reason: "the access rule could not be evaluated"}
	}
	if !allowed {
		return message.Forbidden{}
	}
	return nil
}

// crashed logs a panic with the stack of the goroutine that recovers it, and
// returns its answer. That does not carry the panic's value, which may hold what
// the caller should not see.
func crashed(log *slog.Logger, m *message.Message, during string, v any) message.Response {
	log.LogAttrs(context.Background(), slog.LevelError, "service panicked",
		append(LogAttrs(m), slog.String("during", during), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))...)
	return message.Crashed{Reason: "the service panicked in " + during}
}
