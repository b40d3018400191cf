package runtime

import (
	"context"
	"log/slog"

	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/message"
)

// logPanic writes a panic of an author's code with its stack, and with what the
// caller wants on each line about its message.
func (h *Host) logPanic(m *message.Message, p *handler.PanicError) {
	attrs := []slog.Attr{
		slog.String("service", string(m.Service)),
		slog.String("message_id", string(m.ID)),
		slog.String("correlation_id", string(m.CorrelationID)),
		slog.String("causation_id", string(m.CausationID)),
		slog.String("aggregate_id", string(m.Aggregate.ID)),
	}
	for name, value := range m.LogAttributes {
		attrs = append(attrs, slog.String(name, value))
	}
	attrs = append(attrs, slog.String("panic", p.Error()), slog.String("stack", string(p.Stack)))
	h.log.LogAttrs(context.Background(), slog.LevelError, "a handler panicked; its command failed, others go on", attrs...)
}
