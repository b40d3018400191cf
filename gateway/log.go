package gateway

import (
	"context"
	"log/slog"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

// log counts and writes the outcome of a message: faults as warnings, all else for who
// debugs.
func (g *Gateway) log(ctx context.Context, m *message.Message) {
	g.stats.answered(m.Response)
	level := slog.LevelDebug
	switch m.Response.(type) { //nolint:gochecksumtype // all others are the service's own affair
	case message.Crashed, message.NoNodesAvailable, message.OutcomeUnknown:
		level = slog.LevelWarn
	}
	if !g.cfg.Logger.Enabled(ctx, level) {
		return
	}
	attrs := append(dispatch.LogAttrs(m), slog.String("outcome", m.Response.Outcome()))
	if m.Aggregate.ID != "" {
		attrs = append(attrs, slog.String("aggregate", string(m.Aggregate.Stream.Of(m.Aggregate.ID))))
	}
	g.cfg.Logger.LogAttrs(ctx, level, "message answered", attrs...)
}
