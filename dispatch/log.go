package dispatch

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/ringhold/ringhold/message"
)

// Keys of the attributes of every log line about a message.
const (
	MessageIDKey     = "message_id"
	CorrelationIDKey = "correlation_id"
	CausationIDKey   = "causation_id"
	ServiceKey       = "service"
)

// LogAttrs returns the attributes of a log line about the message: its ids and
// service, and what the caller gave, in the order of the keys. A caller's key
// that is one of ours, or of the line itself, is left out.
func LogAttrs(m *message.Message) []slog.Attr { return identityOf(m).attrs() }

// Logger returns a logger whose lines carry the attributes of the message.
func Logger(log *slog.Logger, m *message.Message) *slog.Logger {
	return slog.New(log.Handler().WithAttrs(LogAttrs(m)))
}

// identity is what log lines say of a message. It is a copy, so that it can be
// read while the message has another owner.
type identity struct {
	service    message.ServiceName
	id         message.ID
	correlates message.ID
	causedBy   message.ID
	given      map[string]string // the caller's; never changed
}

func identityOf(m *message.Message) identity {
	return identity{m.Service, m.ID, m.CorrelationID, m.CausationID, m.LogAttributes}
}

func (i identity) attrs() []slog.Attr {
	out := make([]slog.Attr, 0, 4+len(i.given)+4) // and some that the line adds
	out = append(out,
		slog.String(ServiceKey, string(i.service)),
		slog.String(MessageIDKey, string(i.id)),
		slog.String(CorrelationIDKey, string(i.correlates)),
		slog.String(CausationIDKey, string(i.causedBy)))
	if len(i.given) == 0 {
		return out
	}
	for _, key := range slices.Sorted(maps.Keys(i.given)) {
		if !isReserved(key) {
			out = append(out, slog.String(key, i.given[key]))
		}
	}
	return out
}

func isReserved(key string) bool {
	switch key {
	case ServiceKey, MessageIDKey, CorrelationIDKey, CausationIDKey,
		slog.TimeKey, slog.LevelKey, slog.MessageKey, slog.SourceKey:
		return true
	}
	return false
}

// NewLogHandler returns a handler that adds the attributes of the message to
// the lines that its service logs with its context (slog.InfoContext). A line
// that has them already stays as it is.
func NewLogHandler(next slog.Handler) slog.Handler { return logHandler{next: next} }

type logHandler struct {
	next    slog.Handler
	carries bool // every line has the attributes already
}

func (h logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.carries {
		return h.next.Handle(ctx, r)
	}
	of, ok := ctx.Value(identityKey{}).(identity)
	if !ok || names(r) {
		return h.next.Handle(ctx, r)
	}
	r = r.Clone()
	r.AddAttrs(of.attrs()...)
	return h.next.Handle(ctx, r)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	carries := h.carries || slices.ContainsFunc(attrs, isMessageID)
	return logHandler{h.next.WithAttrs(attrs), carries}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.next.WithGroup(name), h.carries}
}

func names(r slog.Record) (found bool) {
	r.Attrs(func(a slog.Attr) bool {
		found = isMessageID(a)
		return !found
	})
	return found
}

func isMessageID(a slog.Attr) bool { return a.Key == MessageIDKey }

// identityKey finds the identity of the message in the context of its service.
type identityKey struct{}
